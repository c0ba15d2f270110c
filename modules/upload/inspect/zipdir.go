package inspect

import (
	"bytes"
	"errors"
	"sort"
)

const (
	endSize      = 22
	maxComment   = 1<<16 - 1
	maxDirectory = 4 << 20 // bytes of a central directory
)

// zipEntry is what the central directory of a zip says of a file.
type zipEntry struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	packed int64
	size   int64
	off    int64 // of the local header
	data   int64 // of the content, known when the local header was read
	mode   uint32
	extra  []byte
}

// directory of a zip.
type directory struct {
	entries []zipEntry
	start   int64
}

// zipDirectory reads the central directory, from where every program finds the same one (APPNOTE 6.3.10): nothing after the end record,
// no second one, and the sizes right.
func (t *task) zipDirectory(f File) (*directory, error) {
	w := t.window(f)
	end, err := zipEnd(w)
	if err != nil {
		return nil, err
	}
	count, size, off, err := zipCounts(w, end)
	if err != nil {
		return nil, err
	}
	if count > int64(t.limits.Entries) || size > maxDirectory {
		return &directory{entries: make([]zipEntry, min(count, int64(t.limits.Entries)+1)), start: -1}, nil
	}
	raw := make([]byte, size)
	if err := readAt(f.Content, raw, off); err != nil {
		return nil, err
	}
	d := &directory{start: off}
	for len(raw) > 0 {
		e, n, err := centralHeader(raw)
		if err != nil {
			return nil, err
		}
		d.entries, raw = append(d.entries, e), raw[n:]
	}
	if int64(len(d.entries)) != count {
		return nil, errMalformed
	}
	return d, nil
}

// zipEnd finds the end record. Programs look for it from the end, and differ in what they do with one whose comment is not all that follows.
func zipEnd(w *window) (int64, error) {
	if w.size < endSize {
		return 0, errMalformed
	}
	tail := make([]byte, min(w.size, endSize+maxComment))
	start := w.size - int64(len(tail))
	if err := readAt(w.src, tail, start); err != nil {
		return 0, err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < endSize || int(le.Uint16(tail[i+20:])) != len(tail)-i-endSize {
		return 0, errMalformed
	}
	return start + int64(i), nil
}

// zipCounts reads the end record, and the one of Zip64 before it.
func zipCounts(w *window, end int64) (count, size, off int64, err error) {
	b, err := w.at(end, endSize)
	if err != nil {
		return 0, 0, 0, err
	}
	here, total := int64(le.Uint16(b[8:])), int64(le.Uint16(b[10:]))
	size, off = int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:]))
	if le.Uint32(b[4:]) != 0 || here != total { // more than one disk
		return 0, 0, 0, errMalformed
	}
	count = total
	if b, err = w.at(end-20, 20); err == nil && string(b[:4]) == "PK\x06\x07" {
		rec := int64(le.Uint64(b[8:]))
		if b, err = w.at(rec, 56); err != nil {
			return 0, 0, 0, err
		}
		if string(b[:4]) != "PK\x06\x06" || rec+12+int64(le.Uint64(b[4:])) != end-20 || !wide(&count, b[32:], maxComment) || !wide(&size, b[40:], 1<<32-1) || !wide(&off, b[48:], 1<<32-1) {
			return 0, 0, 0, errMalformed
		}
		end = rec
	} else if err != nil && !errors.Is(err, errShort) {
		return 0, 0, 0, err
	}
	if off < 0 || size < 0 || off+size != end {
		return 0, 0, 0, errMalformed
	}
	return count, size, off, nil
}

// wide takes the 64-bit value of a field: it must be the short one, or that must stand for it.
func wide(field *int64, b []byte, all int64) bool {
	v := int64(le.Uint64(b))
	if v < 0 || *field != all && *field != v {
		return false
	}
	*field = v
	return true
}

// centralHeader reads one entry of the central directory and tells its length.
func centralHeader(b []byte) (e zipEntry, n int, err error) {
	if len(b) < 46 || string(b[:4]) != "PK\x01\x02" {
		return e, 0, errMalformed
	}
	name, extra := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	n = 46 + name + extra + int(le.Uint16(b[32:]))
	if n > len(b) || le.Uint16(b[34:]) != 0 {
		return e, 0, errMalformed
	}
	e = zipEntry{name: string(b[46 : 46+name]), flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]), packed: int64(le.Uint32(b[20:])),
		size: int64(le.Uint32(b[24:])), off: int64(le.Uint32(b[42:])), mode: le.Uint32(b[38:]) >> 16, extra: b[46+name : 46+name+extra]}
	if !e.wide(e.extra, &e.off) {
		return e, 0, errMalformed
	}
	return e, n, nil
}

// wide takes the 64-bit sizes of an extra field. Fields that don't fit end it, as in programs that align entries by zeros.
func (e *zipEntry) wide(extra []byte, off *int64) bool {
	seen := false
	for len(extra) >= 4 {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		body := extra[4 : 4+n]
		extra = extra[4+n:]
		if id != 1 {
			continue
		}
		if seen {
			return false
		}
		seen = true
		for _, p := range []*int64{&e.size, &e.packed, off} {
			if p == nil || *p != 1<<32-1 {
				continue
			}
			if len(body) < 8 || int64(le.Uint64(body)) < 0 {
				return false
			}
			*p, body = int64(le.Uint64(body)), body[8:]
		}
	}
	return true
}

// places reads the local headers: each must say what the directory says, and together they must fill the file up to the directory, without
// a byte twice or unseen. Programs that read a zip as a stream go by them.
func (d *directory) places(w *window) error {
	order := make([]*zipEntry, len(d.entries))
	for i := range d.entries {
		order[i] = &d.entries[i]
	}
	sort.Slice(order, func(i, j int) bool { return order[i].off < order[j].off })
	at := int64(0)
	for i, e := range order {
		if e.off != at {
			return errMalformed
		}
		if err := e.local(w); err != nil {
			return err
		}
		next := d.start
		if i+1 < len(order) {
			next = order[i+1].off
		}
		if at = e.data + e.packed; at > next || at < 0 {
			return errMalformed
		}
		if e.flags&8 != 0 {
			n, err := e.descriptor(w, at, next-at)
			if err != nil {
				return err
			}
			at += n
		}
	}
	if at != d.start {
		return errMalformed
	}
	return nil
}

func (e *zipEntry) local(w *window) error {
	b, err := w.at(e.off, 30)
	if err != nil {
		return err
	}
	l := zipEntry{flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]), crc: le.Uint32(b[14:]), packed: int64(le.Uint32(b[18:])), size: int64(le.Uint32(b[22:]))}
	name, extra := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	if string(b[:4]) != "PK\x03\x04" || l.method != e.method || (l.flags^e.flags)&9 != 0 || name != len(e.name) {
		return errMalformed
	}
	e.data = e.off + 30 + int64(name) + int64(extra)
	if name+extra > len(w.buf) {
		return errMalformed
	}
	if b, err = w.at(e.off+30, name+extra); err != nil {
		return err
	}
	if string(b[:name]) != e.name || !l.wide(b[name:], nil) {
		return errMalformed
	}
	later := e.flags&8 != 0 // what was not known when the header was written follows the content; macOS knows the size
	if l.crc != e.crc && (!later || l.crc != 0) || l.packed != e.packed && (!later || l.packed != 0) || l.size != e.size && (!later || l.size != 0) {
		return errMalformed
	}
	return nil
}

// descriptor is the length of the sizes that follow an entry's content.
func (e *zipEntry) descriptor(w *window, off, room int64) (int64, error) {
	if room != 12 && room != 16 && room != 20 && room != 24 {
		return 0, errMalformed
	}
	b, err := w.at(off, int(room))
	if err != nil {
		return 0, err
	}
	if room == 16 || room == 24 {
		if string(b[:4]) != "PK\x07\x08" {
			return 0, errMalformed
		}
		b = b[4:]
	}
	packed, size := int64(le.Uint32(b[4:])), int64(le.Uint32(b[len(b)-4:]))
	if len(b) == 20 {
		packed, size = int64(le.Uint64(b[4:])), int64(le.Uint64(b[12:]))
	}
	if le.Uint32(b) != e.crc || packed != e.packed || size != e.size {
		return 0, errMalformed
	}
	return room, nil
}
