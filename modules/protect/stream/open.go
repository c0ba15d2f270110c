package stream

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
)

// Find gives the key that a head names, and the place that the stream must belong to.
type Find func(Head) (key []byte, in Place, err error)

// Opener decrypts what is written to it, and writes on what is authentic: whole segments. Close opens the last one, and fails where the stream
// ends before its end. After any error nothing more is written on.
type Opener struct {
	dst    io.Writer
	find   Find
	head   head
	aead   cipher.AEAD // nil: the head has not come
	begin  []byte      // what has come of the head
	buf    []byte      // what has come of the segment
	room   int         // its length, as long as it is not the last
	number uint32
	failed error
}

// NewOpener opens a stream from its beginning.
func NewOpener(dst io.Writer, find Find) *Opener { return &Opener{dst: dst, find: find} }

// Begin is what has come of the head, or of what is none.
func (o *Opener) Begin() []byte { return o.begin }

// ready prepares for the segments.
func (o *Opener) ready() {
	o.buf, o.room = make([]byte, 0, Segment), Segment
	if o.number == 0 {
		o.room -= int(HeadSize)
	}
}

// Write implements io.Writer.
func (o *Opener) Write(p []byte) (int, error) {
	size := len(p)
	if o.failed == nil && o.aead == nil {
		p, o.failed = o.start(p)
	}
	for o.failed == nil && len(p) > 0 {
		if len(o.buf) == o.room { // another one follows
			if o.failed = o.open(false); o.failed != nil {
				break
			}
		}
		take := min(o.room-len(o.buf), len(p))
		o.buf, p = append(o.buf, p[:take]...), p[take:]
	}
	if o.failed != nil {
		return size - len(p), o.failed
	}
	return size, nil
}

// start takes the head, and gives back what comes after it.
func (o *Opener) start(p []byte) (rest []byte, err error) {
	take := min(len(p), int(HeadSize)-len(o.begin))
	o.begin, p = append(o.begin, p[:take]...), p[take:]
	if !couldBe(o.begin) {
		return p, ErrPlain
	}
	if len(o.begin) < int(HeadSize) {
		return p, nil
	}
	h, err := parseHead(o.begin)
	if err != nil {
		return p, err
	}
	key, in, err := o.find(h.Head)
	if err != nil {
		return p, err
	}
	if o.aead, err = h.cipher(key, in); err != nil {
		return p, err
	}
	o.head = h
	o.ready()
	return p, nil
}

// open opens the segment, where it lies, and writes it on.
func (o *Opener) open(last bool) error {
	plain, err := o.aead.Open(o.buf[:0], o.head.nonceOf(o.number, last), o.buf, nil)
	if err != nil {
		return ErrBroken
	}
	if o.number == maxSegments-1 && !last {
		return fmt.Errorf("%w: it is too long", ErrBroken)
	}
	o.number++
	o.buf, o.room = o.buf[:0], Segment
	if len(plain) == 0 {
		return nil
	}
	_, err = o.dst.Write(plain)
	return err
}

// Close opens the last segment. Nil says that the stream was whole.
func (o *Opener) Close() error {
	switch {
	case o.failed != nil:
		return o.failed
	case o.aead == nil && len(o.begin) < MagicSize:
		return ErrPlain
	case o.aead == nil:
		o.failed = fmt.Errorf("%w: its head is cut off", ErrBroken)
		return o.failed
	}
	err := o.open(true)
	if o.failed = err; err == nil {
		o.failed = errors.New("the encrypted stream is closed")
	}
	return err
}
