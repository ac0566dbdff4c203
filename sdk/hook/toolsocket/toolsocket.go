// Package toolsocket is the wire between a hook tool's process and the runtime that answers it: one request, one answer
// on a unix socket, as length-prefixed byte strings. Arguments and output are bytes, not text, and the client is started
// many times an event, so there is no JSON in it.
//
// A request is: context id, tool name, number of arguments, the arguments, standard input, number of files, and for each
// file its name and content. An answer is: exit code, standard output, standard error. Every number and every length is
// four bytes, big endian.
package toolsocket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxPart bounds one byte string: no databag, secret or state value comes near it.
const maxPart = 16 << 20

// maxParts bounds the number of arguments or files.
const maxParts = 16 << 10

// Request is one invocation of a hook tool.
type Request struct {
	Context string // JUJU_CONTEXT_ID
	Tool    string
	Args    []string
	Stdin   []byte
	Files   map[string][]byte // content of files named by flags, read on the client's side
}

// Answer is what the tool prints and how it exits.
type Answer struct {
	Exit   int
	Stdout []byte
	Stderr []byte
}

// WriteRequest sends a request.
func WriteRequest(w io.Writer, r Request) error {
	e := encoder{w: bufio.NewWriter(w)}
	e.part([]byte(r.Context))
	e.part([]byte(r.Tool))
	e.number(len(r.Args))
	for _, a := range r.Args {
		e.part([]byte(a))
	}
	e.part(r.Stdin)
	e.number(len(r.Files))
	for name, content := range r.Files {
		e.part([]byte(name))
		e.part(content)
	}
	return e.flush()
}

// ReadRequest receives a request.
func ReadRequest(r io.Reader) (Request, error) {
	d := decoder{r: bufio.NewReader(r)}
	req := Request{Context: string(d.part()), Tool: string(d.part())}
	for range d.count() {
		req.Args = append(req.Args, string(d.part()))
	}
	req.Stdin = d.part()
	req.Files = map[string][]byte{}
	for range d.count() {
		name := string(d.part())
		req.Files[name] = d.part()
	}
	return req, d.err
}

// WriteAnswer sends an answer.
func WriteAnswer(w io.Writer, a Answer) error {
	e := encoder{w: bufio.NewWriter(w)}
	e.number(a.Exit)
	e.part(a.Stdout)
	e.part(a.Stderr)
	return e.flush()
}

// ReadAnswer receives an answer.
func ReadAnswer(r io.Reader) (Answer, error) {
	d := decoder{r: bufio.NewReader(r)}
	a := Answer{Exit: d.number()}
	a.Stdout = d.part()
	a.Stderr = d.part()
	return a, d.err
}

type encoder struct {
	w   *bufio.Writer
	err error
}

func (e *encoder) number(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	e.write(b[:])
}

func (e *encoder) part(p []byte) {
	e.number(len(p))
	e.write(p)
}

func (e *encoder) write(p []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(p)
	}
}

func (e *encoder) flush() error {
	if e.err != nil {
		return e.err
	}
	return e.w.Flush()
}

type decoder struct {
	r   *bufio.Reader
	err error
}

func (d *decoder) number() int {
	var b [4]byte
	if d.err == nil {
		_, d.err = io.ReadFull(d.r, b[:])
	}
	if d.err != nil {
		return 0
	}
	return int(binary.BigEndian.Uint32(b[:]))
}

func (d *decoder) count() int {
	n := d.number()
	if n > maxParts {
		d.fail(fmt.Errorf("cannot read request: %d parts, allowed are %d", n, maxParts))
		return 0
	}
	return n
}

func (d *decoder) part() []byte {
	n := d.number()
	if n > maxPart {
		d.fail(fmt.Errorf("cannot read request: a part of %d bytes, allowed are %d", n, maxPart))
	}
	if d.err != nil || n == 0 {
		return nil
	}
	p := make([]byte, n)
	_, d.err = io.ReadFull(d.r, p)
	if errors.Is(d.err, io.ErrUnexpectedEOF) {
		d.err = fmt.Errorf("cannot read request: it ends in the middle: %w", d.err)
	}
	return p
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}
