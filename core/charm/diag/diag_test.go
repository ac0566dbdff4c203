package diag_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

func TestList(t *testing.T) {
	var list diag.List
	if list.Err() != nil || list.HasErrors() || list.String() != "" {
		t.Error("an empty list has findings")
	}
	err := yaml.Decode("b.yaml", []byte("x: 1\ny: 2"), &struct{}{})
	list.AddYAML("b.yaml", nil, err)
	list.AddYAML("a.yaml", []yaml.Problem{{Line: 7, Key: "k", Message: "unknown key"}}, errors.New("no such disk"))
	doc, docErr := yaml.One("b.yaml", []byte("\ntop:\n  in: 1\n"))
	if docErr != nil {
		t.Fatal(docErr)
	}
	r := diag.Reporter{List: &list, Doc: doc}
	r.Errorf([]string{"top", "in", "deeper"}, "bad %d", 1)
	r.Warnf(nil, "odd")
	list.Sort()
	want := `cannot read b.yaml: line 1: unknown key "x"; allowed: 
cannot read b.yaml: line 2: unknown key "y"; allowed: 
warning: b.yaml: line 2: odd
cannot read b.yaml: line 3: bad 1
cannot read a.yaml: no such disk
warning: a.yaml: line 7: unknown key; the key is ignored`
	if d := cmp.Diff(want, list.String()); d != "" {
		t.Error(d)
	}
	if len(list.Warnings()) != 2 || len(list.Errors()) != 4 {
		t.Error(list.Warnings(), list.Errors())
	}
	if got := list.Err(); !errs.Is(got, errs.Invalid) || got.Error() != list.Errors().String() {
		t.Errorf("got %v", got)
	}
	if list[3].Key != "top.in.deeper" {
		t.Errorf("key %q", list[3].Key)
	}
}

func TestNames(t *testing.T) {
	if got := diag.Names(map[string]int{"b": 1, "a": 2}); got != "a, b" {
		t.Error(got)
	}
	if got := diag.Names[int](nil); got != "(none)" {
		t.Error(got)
	}
}
