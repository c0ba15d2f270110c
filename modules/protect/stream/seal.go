package stream

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// Sealer encrypts what is written to it. Close seals the rest: without it the stream is not whole, and no one can open its end.
type Sealer struct {
	dst    io.Writer
	head   head
	aead   cipher.AEAD
	buf    []byte // of the segment that fills
	room   int    // plaintext that it takes
	number uint32
	failed error
}

// NewSealer begins a stream, and writes its head to dst. key is the key of that version (32 bytes).
func NewSealer(dst io.Writer, of Head, key []byte, in Place) (*Sealer, error) {
	if of.Set == "" || len(of.Set) > idRoom {
		return nil, errors.New("the key set's id does not fit into a stream's head")
	}
	if len(key) < 32 {
		return nil, errors.New("the key of streams is too short")
	}
	s := &Sealer{dst: dst, head: head{Head: of}, buf: make([]byte, 0, Segment)}
	_, _ = rand.Read(s.head.salt[:])   // it never fails: it ends the process
	_, _ = rand.Read(s.head.prefix[:]) // likewise
	var err error
	if s.aead, err = s.head.cipher(key, in); err != nil {
		return nil, err
	}
	begin := s.head.append(nil)
	if _, err = dst.Write(begin); err != nil {
		return nil, fmt.Errorf("writing an encrypted stream: %w", err)
	}
	s.room = Segment - tagSize - len(begin)
	return s, nil
}

// Write implements io.Writer. A segment goes out once it is known that another follows.
func (s *Sealer) Write(p []byte) (int, error) {
	for n := 0; ; {
		if s.failed != nil {
			return n, s.failed
		}
		take := min(s.room-len(s.buf), len(p)-n)
		s.buf = append(s.buf, p[n:n+take]...)
		if n += take; n == len(p) {
			return n, nil
		}
		if s.failed = s.seal(false); s.failed == nil && s.number == maxSegments {
			s.failed = errors.New("the stream is too long")
		}
	}
}

// Close seals the last segment. It does not close what is below.
func (s *Sealer) Close() error {
	if s.failed != nil {
		return s.failed
	}
	err := s.seal(true)
	s.failed = errors.New("the encrypted stream is closed")
	return err
}

// seal writes the segment, which is encrypted where it lies.
func (s *Sealer) seal(last bool) error {
	out := s.aead.Seal(s.buf[:0], s.head.nonceOf(s.number, last), s.buf, nil)
	s.number++
	s.buf, s.room = s.buf[:0], Segment-tagSize
	if _, err := s.dst.Write(out); err != nil {
		return fmt.Errorf("writing an encrypted stream: %w", err)
	}
	return nil
}
