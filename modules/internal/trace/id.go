package trace

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// ID is that of a trace. Zero is none.
type ID [16]byte

// SpanID is that of a span. Zero is none.
type SpanID [8]byte

// Parent is what a traceparent header says.
type Parent struct {
	Trace   ID
	Span    SpanID
	Sampled bool
}

const (
	parentLen = 55  // of version 00: 00-{32}-{16}-{2}
	mostState = 512 // bytes of a tracestate that are passed on, W3C's own least
)

// ParseParent reads a traceparent header; false where it is none. A version that is not known yet may say more after what is read here, as W3C has it.
func ParseParent(s string) (p Parent, ok bool) {
	if len(s) < parentLen || len(s) > mostState || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return p, false
	}
	var version, flags [1]byte
	for _, part := range []struct {
		to   []byte
		from string
	}{{version[:], s[:2]}, {p.Trace[:], s[3:35]}, {p.Span[:], s[36:52]}, {flags[:], s[53:55]}} {
		if strings.ContainsAny(part.from, "ABCDEF") { // must be in lower case
			return Parent{}, false
		}
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return Parent{}, false
		}
	}
	known := version[0] == 0
	if version[0] == 0xff || known && len(s) != parentLen || !known && len(s) > parentLen && s[parentLen] != '-' || p.Trace == (ID{}) || p.Span == (SpanID{}) {
		return Parent{}, false
	}
	p.Sampled = flags[0]&1 == 1
	return p, true
}

// String writes the header, in version 00.
func (p Parent) String() string {
	b := make([]byte, 0, parentLen)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, p.Trace[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, p.Span[:])
	if p.Sampled {
		return string(append(b, "-01"...))
	}
	return string(append(b, "-00"...))
}

// newIDs are a trace's and a span's.
func newIDs() (t ID, s SpanID) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	copy(t[:], b[:])
	copy(s[:], b[16:])
	return t, s
}

func newSpanID() (s SpanID) {
	_, _ = rand.Read(s[:])
	return s
}
