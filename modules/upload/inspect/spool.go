package inspect

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"io"
	"os"
)

// Spool holds bytes that were written once and are then read at random.
type Spool interface {
	io.Writer
	io.ReaderAt
	io.Closer // drops what it holds
}

// TempSpool makes spools of temporary files in a directory, the system's where it is empty. They have no name from the start, and are
// encrypted with a key that only the memory has: after a crash nobody reads them.
func TempSpool(dir string) func(context.Context) (Spool, error) {
	return func(context.Context) (Spool, error) {
		f, err := os.CreateTemp(dir, "inspect-*")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(f.Name()); err != nil {
			_ = f.Close() // the error before it is the one that counts
			return nil, err
		}
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		block, err := aes.NewCipher(key)
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		s := &tempSpool{file: f, block: block}
		s.in = s.stream(0)
		return s, nil
	}
}

// tempSpool is a file in counter mode: one key a file, so that no counter comes twice.
type tempSpool struct {
	file  *os.File
	block cipher.Block
	in    cipher.Stream
	buf   [32 << 10]byte
}

// stream is that of an offset.
func (s *tempSpool) stream(off int64) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(off/aes.BlockSize))
	c := cipher.NewCTR(s.block, iv[:])
	var skip [aes.BlockSize]byte
	c.XORKeyStream(skip[:off%aes.BlockSize], skip[:off%aes.BlockSize])
	return c
}

// Write implements io.Writer.
func (s *tempSpool) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k := min(len(p), len(s.buf))
		s.in.XORKeyStream(s.buf[:k], p[:k])
		if _, err := s.file.Write(s.buf[:k]); err != nil {
			return n, err
		}
		n, p = n+k, p[k:]
	}
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (s *tempSpool) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.file.ReadAt(p, off)
	if n > 0 {
		s.stream(off).XORKeyStream(p[:n], p[:n])
	}
	return n, err
}

// Close implements io.Closer.
func (s *tempSpool) Close() error { return s.file.Close() }
