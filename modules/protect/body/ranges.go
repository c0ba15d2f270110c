package body

import (
	"net/http"
	"strconv"
	"strings"
)

// span is one range that a client asks for: from the first byte, or the last so many.
type span struct {
	first, last int64 // last -1: to the end
	suffix      int64 // the last so many bytes; -1: it is none of these
}

// readRange reads a Range header of one range; nil where there is none that is understood, which is answered with the whole.
func readRange(h http.Header) *span {
	values := h["Range"]
	if len(values) != 1 {
		return nil
	}
	unit, set, ok := strings.Cut(values[0], "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil
	}
	from, to, ok := strings.Cut(strings.TrimSpace(set), "-")
	if !ok {
		return nil
	}
	s := &span{last: -1, suffix: -1}
	if from == "" {
		s.suffix, ok = number(to)
		return orNil(s, ok)
	}
	if s.first, ok = number(from); ok && to != "" {
		s.last, ok = number(to)
		ok = ok && s.last >= s.first
	}
	return orNil(s, ok)
}

func orNil(s *span, ok bool) *span {
	if ok {
		return s
	}
	return nil
}

// number reads digits alone.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// of cuts the range to a body of that size: its first byte and its length. ok is false where nothing of it is there.
func (s *span) of(size int64) (first, n int64, ok bool) {
	switch {
	case s.suffix >= 0:
		n = min(s.suffix, size)
		return size - n, n, n > 0
	case s.first >= size:
		return 0, 0, false
	case s.last < 0 || s.last >= size:
		return s.first, size - s.first, true
	}
	return s.first, s.last - s.first + 1, true
}

// holds tells whether a range may be answered with a part of what is there now (If-Range, RFC 9110 section 13.1.5). etag and modified are those that the answer
// will have.
func holds(ifRange []string, etag, modified string) bool {
	switch {
	case len(ifRange) == 0:
		return true
	case len(ifRange) > 1 || ifRange[0] == "":
		return false
	case strings.HasPrefix(ifRange[0], `"`):
		return ifRange[0] == etag
	}
	return ifRange[0] == modified
}
