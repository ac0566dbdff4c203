package main

import (
	"os"
	"path/filepath"
)

// The bodies of charm_dispatch in charms that are so small that what is measured is their host. Local 2 is an i64; global
// 0 an i32.
var (
	tinyAnswers = []byte{0x42, 0x82, 0x80, 0x80, 0x80, 0x80, 0xc0, 0x00} // the two bytes at address 512
	tinyLoops   = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00}
	tinyFills   = []byte{0x03, 0x40, 0x41, 0x00, 0x41, 0x01, 0x41, 0x80, 0x80, 0xc0, 0x1f, 0xfc, 0x0b, 0x00, 0x0c, 0x00, 0x0b, 0x00} // 63 MiB, for ever
	// calls itself twice to a depth of 60 without any loop, which ends in no time that anybody has
	tinyRecurses = []byte{0x23, 0x00, 0x41, 0x3c, 0x4b, 0x04, 0x40, 0x42, 0x00, 0x0f, 0x0b,
		0x23, 0x00, 0x41, 0x01, 0x6a, 0x24, 0x00,
		0x20, 0x00, 0x20, 0x01, 0x10, 0x02, 0x1a, 0x20, 0x00, 0x20, 0x01, 0x10, 0x02, 0x1a,
		0x23, 0x00, 0x41, 0x01, 0x6b, 0x24, 0x00, 0x42, 0x00}
)

// tiny writes a charm of ABI 1 by hand and returns its directory.
func (b *bench) tiny(name string, dispatch []byte, pages int) string {
	module := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, body string) {
		module = append(append(module, id, byte(len(body)|0x80), byte(len(body)>>7)), body...)
	}
	section(1, "\x04\x60\x00\x00\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7e\x60\x00\x01\x7e")
	section(3, "\x04\x00\x01\x02\x03")
	section(5, "\x01\x00"+string([]byte{byte(pages&0x7f | 0x80), byte(pages >> 7)}))
	section(6, "\x01\x7f\x01\x41\x00\x0b")
	section(7, "\x05\x06memory\x02\x00\x0bcharm_abi_1\x00\x00\x0bcharm_alloc\x00\x01\x0echarm_dispatch\x00\x02\x10charm_last_error\x00\x03")
	body := "\x00" + string(dispatch) + "\x0b"
	section(10, "\x04\x02\x00\x0b\x05\x00\x41\x80\x08\x0b"+string([]byte{byte(len(body))})+body+"\x04\x00\x42\x00\x0b")
	section(11, "\x01\x00\x41\x80\x04\x0b\x02{}")
	dir := filepath.Join(b.dir, "tiny-"+name)
	b.check(os.Mkdir(dir, 0o755))
	b.check(os.WriteFile(filepath.Join(dir, "charm.wasm"), module, 0o644))
	return dir
}
