package logbook

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxLine is the longest record that is read back; longer ones are skipped.
const maxLine = 1 << 20

// file is one bounded file of lines with one predecessor, "<path>.1".
type file struct {
	path string
	max  int64

	out  *os.File
	buf  *bufio.Writer
	size int64
}

func (f *file) append(line []byte) error {
	if err := f.open(); err != nil {
		return err
	}
	if f.size > 0 && f.size+int64(len(line)) > f.max {
		if err := f.turn(); err != nil {
			return err
		}
	}
	n, err := f.buf.Write(append(line, '\n'))
	f.size += int64(n)
	return err
}

func (f *file) open() error {
	if f.out != nil {
		return nil
	}
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := out.Stat()
	if err != nil {
		return errors.Join(err, out.Close())
	}
	f.out, f.buf, f.size = out, bufio.NewWriterSize(out, 32<<10), info.Size()
	return nil
}

// turn makes the file the predecessor and starts a new one.
func (f *file) turn() error {
	if err := f.close(); err != nil {
		return err
	}
	if err := os.Rename(f.path, f.path+".1"); err != nil {
		return err
	}
	return f.open()
}

func (f *file) flush() error {
	if f.buf == nil {
		return nil
	}
	return f.buf.Flush()
}

func (f *file) close() error {
	if f.out == nil {
		return nil
	}
	err := errors.Join(f.buf.Flush(), f.out.Close())
	f.out, f.buf, f.size = nil, nil, 0
	return err
}

func (f *file) remove() error {
	err := f.close()
	for _, path := range []string{f.path, f.path + ".1"} {
		if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// part is a file as long as it was at the snapshot.
type part struct {
	file *os.File
	size int64
}

// snapshot opens what a file and its predecessor hold at this moment. The
// caller holds the book's lock and closes the parts.
func (b *Book) snapshot(name string) ([]part, error) {
	path := b.cfg.Dir + string(os.PathSeparator) + name
	if f := b.files[name]; f != nil {
		if err := f.flush(); err != nil {
			return nil, fmt.Errorf("cannot read log: %w", err)
		}
	}
	var parts []part
	for _, p := range []string{path + ".1", path} {
		in, err := os.Open(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			var info fs.FileInfo
			if info, err = in.Stat(); err == nil {
				parts = append(parts, part{file: in, size: info.Size()})
				continue
			}
			err = errors.Join(err, in.Close())
		}
		closeAll(parts)
		return nil, fmt.Errorf("cannot read log: %w", err)
	}
	return parts, nil
}

func closeAll(parts []part) {
	for _, p := range parts {
		p.file.Close() // opened for reading: nothing can be lost
	}
}

// scan calls each for every line that holds the text. A line that a crash cut
// or that is too long is passed over.
func scan(parts []part, text string, each func(line []byte) error) error {
	for _, p := range parts {
		in := bufio.NewReaderSize(io.NewSectionReader(p.file, 0, p.size), 64<<10)
		for {
			line, err := readLine(in)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("cannot read log: %w", err)
			}
			if !bytes.Contains(line, []byte(text)) {
				continue
			}
			if err := each(line); err != nil {
				return err
			}
		}
	}
	return nil
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return nil, err
		}
		if len(line)+len(part) <= maxLine {
			line = append(line, part...)
		}
		if !more {
			return line, nil
		}
	}
}

func unmarshal(line []byte, m proto.Message) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, m)
}
