package form

import (
	"crypto/rand"
	"io"
)

// Writer writes a form again, part by part, between boundaries of its own: the one that it came with was chosen by a client who could
// choose one so short that new content, as ciphertext, holds it by chance.
type Writer struct {
	dst      io.Writer
	boundary string
	parts    int
}

// NewWriter writes to dst.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst, boundary: rand.Text()} }

// ContentType is the header that belongs to the form.
func (w *Writer) ContentType() string { return "multipart/form-data; boundary=" + w.boundary }

// Part begins a part with header lines as Part.Head has them; its content is then written to the writer's destination.
func (w *Writer) Part(head []byte) error {
	line := "--" + w.boundary + "\r\n"
	if w.parts > 0 {
		line = "\r\n" + line
	}
	w.parts++
	for _, b := range [][]byte{[]byte(line), head, []byte("\r\n")} {
		if _, err := w.dst.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the last delimiter.
func (w *Writer) Close() error {
	_, err := io.WriteString(w.dst, "\r\n--"+w.boundary+"--\r\n")
	return err
}

// Overhead is what a Writer adds to the heads and contents of so many parts, in bytes: with it a Content-Length is known before.
func Overhead(parts int) int64 {
	const boundary = 26 // of rand.Text
	return int64(parts)*int64(len("\r\n--")+boundary+len("\r\n")+len("\r\n")) - int64(len("\r\n")) + int64(len("\r\n----\r\n")+boundary)
}
