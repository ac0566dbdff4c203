package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// openFile holds the commit that was sent and not answered, in the unit's run directory. It is written in place, since to
// make and remove a file at every commit was a quarter of all that an agent did: a header with the length of the commit, 0
// for none, and its sum, and the commit. Only one that is whole was ever sent.
const (
	openFile   = "commit.pb"
	openMagic  = "bangle1\n"
	openHeader = len(openMagic) + 8
	openLarge  = 64 << 10 // bytes of a file that is not kept for the next commit
)

// keep writes the open commit. It is a hint for the next start, so it is not synced: a machine that lost it lost the
// processes too.
func keep(dir string, req *controllerv1.CommitRequest) error {
	head := make([]byte, openHeader, openHeader+proto.Size(req))
	data, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(head, req)
	if err == nil {
		copy(data, openMagic)
		binary.LittleEndian.PutUint32(data[len(openMagic):], uint32(len(data)-openHeader))
		binary.LittleEndian.PutUint32(data[len(openMagic)+4:], crc32.ChecksumIEEE(data[openHeader:]))
		err = overwrite(dir, data, os.O_CREATE)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(dir, 0o700); err == nil {
				err = overwrite(dir, data, os.O_CREATE)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("cannot keep the open commit: %w", err)
	}
	return nil
}

// overwrite writes the beginning of the file.
func overwrite(dir string, data []byte, flags int) error {
	f, err := os.OpenFile(filepath.Join(dir, openFile), os.O_RDWR|flags, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Close())
}

// forget says that there is no open commit. One that stays is answered the same way again.
func forget(dir string) {
	path := filepath.Join(dir, openFile)
	info, err := os.Stat(path)
	if err != nil {
		return
	}
	head := make([]byte, openHeader)
	copy(head, openMagic)
	if info.Size() > openLarge || overwrite(dir, head, 0) != nil {
		_ = os.Remove(path)
	}
}

// kept reads the commit that an earlier life of the agent left open, nil if there is none or it cannot be read.
func kept(dir string) (*controllerv1.CommitRequest, error) {
	data, err := os.ReadFile(filepath.Join(dir, openFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		data, err = opened(data)
	}
	if err == nil && data == nil {
		return nil, nil
	}
	req := &controllerv1.CommitRequest{}
	if err == nil {
		err = proto.Unmarshal(data, req)
	}
	if err != nil {
		_ = os.Remove(filepath.Join(dir, openFile))
		return nil, fmt.Errorf("cannot read the open commit: %w", err)
	}
	return req, nil
}

// opened takes the commit out of the file, nil for none. Agents before this one wrote it without a header.
func opened(data []byte) ([]byte, error) {
	if len(data) < openHeader || string(data[:len(openMagic)]) != openMagic {
		return data, nil
	}
	size, sum := binary.LittleEndian.Uint32(data[len(openMagic):]), binary.LittleEndian.Uint32(data[len(openMagic)+4:])
	if data = data[openHeader:]; size == 0 {
		return nil, nil
	}
	if int64(size) > int64(len(data)) || crc32.ChecksumIEEE(data[:size]) != sum {
		return nil, errors.New("it was cut off while it was written, before it was sent")
	}
	return data[:size], nil
}
