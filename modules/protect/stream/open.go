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
	layout Layout
	buf    []byte // what has come of the segment
	room   int    // its length, as long as it is not the last
	number uint32
	failed error
}

// NewOpener opens a stream from its beginning.
func NewOpener(dst io.Writer, find Find) *Opener { return &Opener{dst: dst, find: find} }

// From opens the same stream again from the segment of that number on: what is written to the new one begins there. Its head must have come.
func (o *Opener) From(dst io.Writer, segment uint32) *Opener {
	n := &Opener{dst: dst, head: o.head, aead: o.aead, layout: o.layout, number: segment, failed: o.failed}
	n.ready()
	return n
}

// Layout is where things lie in the stream; ok is false as long as its head has not come.
func (o *Opener) Layout() (l Layout, ok bool) { return o.layout, o.aead != nil }

// ready prepares for the segments.
func (o *Opener) ready() {
	o.buf, o.room = make([]byte, 0, Segment), Segment
	if o.number == 0 {
		o.room -= int(o.layout.head)
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
	had := len(o.begin)
	take := min(len(p), MaxHead-had)
	o.begin = append(o.begin, p[:take]...)
	h, n, err := parseHead(o.begin)
	if errors.Is(err, errMore) {
		return p[take:], nil // of which there is none: a head is whole by then
	}
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
	o.head, o.layout = h, Layout{int64(n)}
	o.ready()
	return p[n-had:], nil
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
	case o.aead == nil && len(o.begin) == 0:
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

// Stop ends where enough was read: a part of a stream is opened, its end is not.
func (o *Opener) Stop(last bool) error {
	if o.failed != nil || len(o.buf) == 0 {
		return o.failed
	}
	o.failed = o.open(last)
	return o.failed
}
