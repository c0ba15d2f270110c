package inspect

import (
	"bytes"
	"io"
)

const scanSize = 64 << 10

// scan reads to the end and calls back for each piece, whose first bytes, up to overlap of them, are the last of the piece before.
func scan(r io.Reader, overlap int, each func(b []byte)) error {
	buf, keep := make([]byte, scanSize), 0
	for {
		n, err := io.ReadFull(r, buf[keep:])
		if n > 0 {
			each(buf[:keep+n])
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
		copy(buf, buf[len(buf)-overlap:])
		keep = overlap
	}
}

// wide16 is a text as UTF-16, lower byte first, as in Microsoft's containers.
func wide16(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return b
}

// tagsInMedia begin what a browser or a server runs when it is made to take a picture or a sound for a page: too long to stand in
// compressed data by chance.
var tagsInMedia = [][]byte{[]byte("<script"), []byte("<?php"), []byte("<html"), []byte("<iframe"), []byte("<body"), []byte("<!doctype html"), []byte("<jsp:"), []byte("<%@ "), []byte("<foreignobject")}

// hasTags tells whether markup that is run stands in b.
func hasTags(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			return false
		}
		b = b[i:]
		for _, tag := range tagsInMedia {
			if len(b) >= len(tag) && bytes.EqualFold(b[:len(tag)], tag) {
				return true
			}
		}
		b = b[1:]
	}
}
