package book_test

import (
	"testing"

	"github.com/bangle-dev/bangle/charms/guestbook/workload/book"
)

func TestViewKeepsOrderAndDropsRepeats(t *testing.T) {
	v := book.NewView()
	for _, seq := range []uint64{1, 2, 2, 1, 5} {
		v.Append(book.Entry{Seq: seq})
	}
	snap := v.Since(0)
	if len(snap.Entries) != 3 || snap.Last != 5 {
		t.Errorf("%+v, want 1, 2, 5", snap)
	}
	if got := v.Since(2).Entries; len(got) != 1 || got[0].Seq != 5 {
		t.Errorf("since 2: %+v", got)
	}
}

func TestViewIsBounded(t *testing.T) {
	v := book.NewView()
	for seq := range uint64(10_050) {
		v.Append(book.Entry{Seq: seq + 1})
	}
	snap := v.Since(0)
	if len(snap.Entries) != 10_000 || snap.Entries[0].Seq != 51 || snap.Last != 10_050 {
		t.Errorf("%d entries from %d, last %d", len(snap.Entries), snap.Entries[0].Seq, snap.Last)
	}
}

func TestSnapshotDoesNotChange(t *testing.T) {
	v := book.NewView()
	v.Append(book.Entry{Seq: 1})
	before := v.Since(0)
	v.Append(book.Entry{Seq: 2})
	if len(before.Entries) != 1 || cap(before.Entries) != 1 {
		t.Errorf("a snapshot grew: %+v", before)
	}
}

func TestAwait(t *testing.T) {
	v := book.NewView()
	done := make(chan struct{})
	got := make(chan bool)
	go func() { got <- v.Await(done, 2) }()
	v.Append(book.Entry{Seq: 1})
	v.Skip(2)
	if !<-got {
		t.Error("did not see 2 come")
	}
	go func() { got <- v.Await(done, 3) }()
	close(done)
	if <-got {
		t.Error("saw what never came")
	}
}

func TestRebase(t *testing.T) {
	v := book.NewView()
	v.Rebase("a")
	v.Append(book.Entry{Seq: 9})
	v.Rebase("a")
	if v.Since(0).Last != 9 {
		t.Error("the same stream emptied the view")
	}
	v.Rebase("b")
	if snap := v.Since(0); snap.Last != 0 || len(snap.Entries) != 0 || snap.Epoch != 1 {
		t.Errorf("%+v, want an empty view of epoch 1", snap)
	}
}
