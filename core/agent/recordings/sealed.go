package recordings

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// magic begins every recording; the number is the form's.
const magic = "bangle recording 1\n"

const maxHeader = 1 << 20

// Header is what can be read of a recording without any key.
type Header struct {
	Model   string   `json:"model"`
	Unit    string   `json:"unit"`
	Event   string   `json:"event"` // id
	Name    string   `json:"name"`
	Attempt uint32   `json:"attempt,omitempty"`
	At      int64    `json:"at"` // Unix time in nanoseconds
	Charm   string   `json:"charm"`
	Runtime string   `json:"runtime"`
	Outcome string   `json:"outcome"`
	Secrets []Secret `json:"secrets,omitempty"` // in the order in which the key needs them
	Problem string   `json:"problem,omitempty"` // why it cannot be replayed
	Salt    []byte   `json:"salt"`

	Bytes int64 `json:"-"`
	path  string
	kept  int64 // time by which it is found there
}

// Secret is one whose content the event read or wrote.
type Secret struct {
	ID       string `json:"id"`
	Revision int32  `json:"revision"`
	Sum      string `json:"sum"` // keyed hash of the content
}

// String is the secret as people read it.
func (s Secret) String() string { return "secret:" + s.ID + "/" + strconv.Itoa(int(s.Revision)) }

// Secrets reads the content of a secret's revision.
type Secrets func(ctx context.Context, s Secret) (map[string][]byte, error)

// Recorded is a recording that was opened.
type Recorded struct {
	Header
	Start *charmruntimev1.Start // with its recording
	Done  *charmruntimev1.Done

	contents []map[string][]byte // of Secrets
}

// secretGet is the operation whose answers are secrets.
const secretGet = "secret-get"

// reply is the answer to secretGet.
type reply struct {
	ID       string            `json:"id"`
	Revision int32             `json:"revision"`
	Content  map[string][]byte `json:"content"`
	Owned    bool              `json:"owned"`
}

// text is the answer as the agent gives it, byte by byte.
func (r reply) text() ([]byte, error) {
	return json.Marshal(map[string]any{"id": r.ID, "revision": r.Revision, "content": r.Content, "owned": r.Owned})
}

func sum(key []byte, content map[string][]byte) string {
	text, _ := json.Marshal(content) // sorted by name; bytes always marshal
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// seal writes an event down.
func seal(key []byte, e Event) ([]byte, error) {
	h := Header{Model: e.Key.Model, Unit: e.Key.Unit, Event: e.Start.GetEvent().GetId(), Name: e.Start.GetEvent().GetName(), At: e.At.UnixNano(),
		Attempt: uint32(e.Start.GetEvent().GetAttempt()), Charm: e.Charm, Runtime: e.Runtime, Outcome: outcome(e.Done),
		Problem: e.Done.GetRecording().GetIncomplete(), Salt: make([]byte, 16)}
	_, _ = rand.Read(h.Salt) // never fails
	recording, contents, err := without(key, &h, e.Done.GetRecording())
	if err != nil {
		return nil, err
	}
	if e.Committed {
		contents = append(contents, written(key, &h, e)...)
	}
	start := &charmruntimev1.Start{Event: e.Start.GetEvent(), View: e.Start.GetView(), TimeoutMs: e.Start.GetTimeoutMs(), Recording: recording}
	done := &charmruntimev1.Done{Outcome: e.Done.GetOutcome(), ExitCode: e.Done.GetExitCode(), Message: e.Done.GetMessage(), Limit: e.Done.GetLimit(),
		Changeset: e.Done.GetChangeset()}
	body, err := pack(start, done)
	if err != nil {
		return nil, err
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	clear := append(append([]byte(magic), head...), '\n')
	aead, err := opener(key, h.Salt, contents)
	if err != nil {
		return nil, err
	}
	// The key is this recording's own, so the nonce need not differ from others'.
	return aead.Seal(clear, make([]byte, aead.NonceSize()), body, clear), nil
}

// without takes the contents of secrets out of a recording, which stays as it is.
func without(key []byte, h *Header, r *charmruntimev1.Recording) (*charmruntimev1.Recording, []map[string][]byte, error) {
	out := &charmruntimev1.Recording{NowUnixNano: r.GetNowUnixNano(), Incomplete: r.GetIncomplete(), Seed: r.GetSeed()}
	var contents []map[string][]byte
	for _, x := range r.GetExchanges() {
		if x.GetOperation() != secretGet || x.GetErrorClass() != "" {
			out.Exchanges = append(out.Exchanges, noted(x))
			continue
		}
		var got reply
		if err := json.Unmarshal(x.GetResponse(), &got); err != nil {
			return nil, nil, fmt.Errorf("cannot read the answer to %s: %w", secretGet, err)
		}
		s := Secret{ID: got.ID, Revision: got.Revision, Sum: sum(key, got.Content)}
		h.Secrets, contents = append(h.Secrets, s), append(contents, got.Content)
		got.Content = nil
		text, err := got.text()
		if err != nil {
			return nil, nil, err
		}
		sealed := proto.CloneOf(x)
		sealed.Response, sealed.Sealed = text, s.String()+" "+s.Sum
		out.Exchanges = append(out.Exchanges, sealed)
	}
	return out, contents, nil
}

// written are the contents that the event gave to secrets: what it did with them elsewhere is as secret as they are.
func written(key []byte, h *Header, e Event) []map[string][]byte {
	var contents []map[string][]byte
	for _, w := range e.Done.GetChangeset().GetSecrets() {
		if len(w.GetContent()) == 0 {
			continue
		}
		revision := int32(1)
		for _, v := range e.Start.GetView().GetSecrets() {
			if v.GetId() == w.GetId() {
				revision = v.GetLatestRevision() + 1
			}
		}
		h.Secrets = append(h.Secrets, Secret{ID: w.GetId(), Revision: revision, Sum: sum(key, w.GetContent())})
		contents = append(contents, w.GetContent())
	}
	return contents
}

// opener is what seals and opens a recording: its key is the agent's with the secrets' contents.
func opener(key, salt []byte, contents []map[string][]byte) (cipher.AEAD, error) {
	material := bytes.Clone(key)
	for _, c := range contents {
		text, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		material = append(binary.BigEndian.AppendUint64(material, uint64(len(text))), text...)
	}
	own, err := hkdf.Key(sha256.New, material, salt, "bangle recording", keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func pack(parts ...proto.Message) ([]byte, error) {
	var out []byte
	for _, p := range parts {
		text, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		out = append(binary.BigEndian.AppendUint64(out, uint64(len(text))), text...)
	}
	return out, nil
}

const errDamaged = "it is damaged"

func unpack(data []byte, parts ...proto.Message) error {
	for _, p := range parts {
		if len(data) < 8 || binary.BigEndian.Uint64(data) > uint64(len(data)-8) {
			return errors.New(errDamaged)
		}
		n := int(binary.BigEndian.Uint64(data))
		if err := proto.Unmarshal(data[8:8+n], p); err != nil {
			return fmt.Errorf("%s: %w", errDamaged, err)
		}
		data = data[8+n:]
	}
	return nil
}

// split takes a file apart; head is the part that is in the clear.
func split(text []byte) (h Header, head int, err error) {
	rest, ok := bytes.CutPrefix(text, []byte(magic))
	if !ok {
		return h, 0, errors.New("it does not begin as a recording does; it is damaged, or of another version")
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 || end > maxHeader {
		return h, 0, errors.New(errDamaged + ": its head has no end")
	}
	if err := json.Unmarshal(rest[:end], &h); err != nil {
		return h, 0, fmt.Errorf("%s: %w", errDamaged, err)
	}
	return h, len(magic) + end + 1, nil
}

// Open reads a recording. secrets is asked for the contents that it needs; nil: whoever asks may not read any.
func (s *Shelf) Open(ctx context.Context, h Header, secrets Secrets) (*Recorded, error) {
	if h.Problem != "" {
		return nil, errs.E(errs.Invalid, "cannot replay %s of %s: %s", named(h), h.Unit, h.Problem)
	}
	key, text, err := s.load(h)
	if err != nil {
		return nil, errs.E(errs.NotFound, "cannot replay %s of %s: its recording is gone: %w", named(h), h.Unit, err)
	}
	again, head, err := split(text)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot replay %s of %s: its recording cannot be read: %w", named(h), h.Unit, err)
	}
	again.Bytes, again.path, again.kept = h.Bytes, h.path, h.kept
	contents, err := again.contents(ctx, key, secrets)
	if err != nil {
		return nil, err
	}
	r := &Recorded{Header: again, Start: &charmruntimev1.Start{}, Done: &charmruntimev1.Done{}, contents: contents}
	aead, err := opener(key, again.Salt, contents)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, make([]byte, aead.NonceSize()), text[head:], text[:head])
	if err == nil {
		err = unpack(body, r.Start, r.Done)
	}
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot replay %s of %s: its recording cannot be read: it is damaged (%w)", named(h), h.Unit, err)
	}
	return r, r.restore(contents)
}

func (s *Shelf) load(h Header) (key, text []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return nil, nil, err
	}
	if has := s.held[h.path]; has != nil {
		for _, one := range slices.Backward(has.events) {
			if one.at != h.kept {
				continue
			}
			data, err := os.ReadFile(h.path)
			return s.key, one.of(data), err
		}
	}
	return nil, nil, errs.E(errs.NotFound, "newer ones took its place")
}

func named(h Header) string {
	if h.Event == "" {
		return "an event"
	}
	return h.Event
}

// contents reads the secrets again and holds them against their sums.
func (h Header) contents(ctx context.Context, key []byte, secrets Secrets) ([]map[string][]byte, error) {
	var all []map[string][]byte
	for _, s := range h.Secrets {
		if secrets == nil {
			return nil, errs.E(errs.Denied, "cannot replay %s of %s: it needs the content of %s, which only an admin of the model may read", named(h), h.Unit, s)
		}
		content, err := secrets(ctx, s)
		if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Denied) {
			return nil, errs.E(errs.NotFound, "cannot replay %s of %s: secret revision gone: %s (%w)", named(h), h.Unit, s, err)
		}
		if err != nil {
			return nil, errs.E(errs.Unavailable, "cannot replay %s of %s: cannot read %s: %w", named(h), h.Unit, s, err)
		}
		if sum(key, content) != s.Sum {
			return nil, errs.E(errs.NotFound, "cannot replay %s of %s: secret revision gone: the content of %s is not what the event read", named(h), h.Unit, s)
		}
		all = append(all, content)
	}
	return all, nil
}

// restore puts the secrets' contents back into the answers.
func (r *Recorded) restore(contents []map[string][]byte) error {
	n := 0
	for i, x := range r.Start.GetRecording().GetExchanges() {
		if x.GetSealed() == "" {
			r.Start.Recording.Exchanges[i] = noted(x)
			continue
		}
		var got reply
		if err := json.Unmarshal(x.GetResponse(), &got); err != nil || n >= len(contents) {
			return errs.E(errs.Invalid, "cannot replay %s of %s: its recording cannot be read: %s", named(r.Header), r.Unit, errDamaged)
		}
		got.Content = contents[n]
		text, err := got.text()
		if err != nil {
			return err
		}
		x.Response, x.Sealed = text, ""
		n++
	}
	return nil
}

func outcome(done *charmruntimev1.Done) string {
	switch done.GetOutcome() {
	case charmruntimev1.Outcome_OUTCOME_OK:
		return "ok"
	case charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED:
		return "not-implemented"
	case charmruntimev1.Outcome_OUTCOME_KILLED:
		return "killed"
	}
	return "failed"
}

// Outcome is how an event ended, in the journal's words.
func Outcome(done *charmruntimev1.Done) string { return outcome(done) }
