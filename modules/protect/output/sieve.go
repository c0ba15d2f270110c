package output

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/protect/detect"
)

// sieve changes a text while it passes.
type sieve interface {
	write(dst, p []byte) ([]byte, error) // appends what may go on
	flush(dst []byte) ([]byte, error)    // appends what can be sent now of what is held
	close(dst []byte) ([]byte, error)    // appends the rest
	altered() bool
}

// Errors that withhold an answer.
var (
	errDetected = errors.New("the answer holds what must not leave")
	errBroken   = errors.New("the answer is no JSON, and so can't be looked through")
	errWide     = errors.New("the answer is in UTF-16 or UTF-32, and so can't be looked through")
)

// window is a text that is looked through while it passes. It holds back as much as the longest find.
type window struct {
	look  *look
	text  []byte
	seen  int  // bytes of it that have gone on, and are kept for what stands behind them
	open  bool // a private key has begun that has not ended
	masks int  // how often something was put in its place
}

// kept is how much of what has gone on the finders look at.
const kept = 2

// write appends what may go on of the text with p behind it. encode writes a part of it.
func (w *window) write(dst, p, pointer []byte, encode func(dst, part []byte) []byte) ([]byte, error) {
	w.text = append(w.text, p...)
	if len(w.text)-w.seen < 2*detect.Longest {
		return dst, nil
	}
	end := len(w.text) - detect.Longest
	for end > w.seen && !utf8.RuneStart(w.text[end]) {
		end--
	}
	return w.upTo(dst, end, pointer, encode)
}

// upTo appends what stands before end; more where a find does not end there.
func (w *window) upTo(dst []byte, end int, pointer []byte, encode func(dst, part []byte) []byte) ([]byte, error) {
	if w.open {
		n := detect.KeyEnd(w.text[w.seen:])
		if n < 0 { // its end may be cut in two
			w.drop(max(w.seen, end))
			return dst, nil
		}
		w.open = false
		w.seen += n
		end = max(end, w.seen)
	}
	l := w.look
	l.place = l.kinds.Find(w.text, w.seen, l.place[:0])
	for _, m := range l.place {
		if m.Start >= end {
			break
		}
		end = max(end, m.End)
		action := l.action(m.Kind, pointer)
		if action == "" {
			continue
		}
		l.note(m.Kind, action, pointer)
		switch action {
		case Block:
			return dst, errDetected
		case Mask:
			dst = encode(dst, w.text[w.seen:m.Start])
			dst = encode(dst, m.Mask(nil, w.text))
			w.seen, w.open = m.End, m.Open
			w.masks++
		}
	}
	dst = encode(dst, w.text[w.seen:end])
	w.drop(end)
	return dst, nil
}

// drop forgets what stands before end, but for what the finders look at.
func (w *window) drop(end int) {
	from := max(0, end-kept)
	n := copy(w.text, w.text[from:])
	w.text, w.seen = w.text[:n], end-from
}

// reset begins another text.
func (w *window) reset() { w.text, w.seen, w.open = w.text[:0], 0, false }

// plain looks through a text that is no JSON.
type plain struct {
	window
	marked bool   // it may be in UTF-16, and then must not pass
	begin  []byte // the first bytes, as far as they tell how the text is written
}

func (t *plain) write(dst, p []byte) ([]byte, error) {
	if n := longestMark - len(t.begin); n > 0 && t.marked {
		if t.begin = append(t.begin, p[:min(n, len(p))]...); wide(t.begin) {
			return dst, errWide
		}
	}
	return t.window.write(dst, p, nil, asIs)
}

const longestMark = 4

// flush sends whole lines, as event streams are made of them: of what is not complete nobody knows yet what it is.
func (t *plain) flush(dst []byte) ([]byte, error) {
	if n := bytes.LastIndexByte(t.text[t.seen:], '\n'); n >= 0 {
		return t.upTo(dst, t.seen+n+1, nil, asIs)
	}
	return dst, nil
}

func (t *plain) close(dst []byte) ([]byte, error) {
	return t.upTo(dst, len(t.text), nil, asIs)
}

func (t *plain) altered() bool { return t.masks > 0 }

func asIs(dst, part []byte) []byte { return append(dst, part...) }
