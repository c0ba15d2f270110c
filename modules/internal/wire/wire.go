// Package wire keeps the heads of HTTP/1 requests as they came on the connection: the request line, and every header with its name
// as the client spelled it, in its order. net/http and Caddy show handlers less: names that hold `_` or `.` are dropped, Host is
// taken out, spelling and order are lost.
//
// A Tracker looks on while net/http reads a connection. It changes nothing and must never give a request the head of
// another. So it goes by what it can follow for certain: where a request has no body or one of a plain Content-Length, the next head
// begins behind it. Whatever could be framed in two ways (chunks, HTTP/1.0, an upgrade, a folded line, two lengths that differ)
// ends the tracking of that connection: later requests on it have no head here, and are seen as net/http shows them.
package wire

import (
	"context"
	"strings"
)

// Field is one header.
type Field struct{ Name, Value string }

// Head is the beginning of a request, up to its body.
type Head struct {
	Line   string // METHOD TARGET VERSION
	Fields []Field
}

type key struct{}

// With returns a context from which Of finds the tracker of a connection.
func With(ctx context.Context, t *Tracker) context.Context { return context.WithValue(ctx, key{}, t) }

// Of returns the head of the request that the connection is busy with, and false where it is not known for certain. method, target and
// version are the request's as the server made it: what was rewritten since would look like another request.
func Of(ctx context.Context, method, target, version string) (Head, bool) {
	t, ok := ctx.Value(key{}).(*Tracker)
	if !ok || !strings.HasPrefix(version, "HTTP/1.") {
		return Head{}, false
	}
	raw, ok := t.current(method + " " + target + " " + version)
	if !ok {
		return Head{}, false
	}
	return parse(raw), true
}

// parse splits a head that the tracker found complete.
func parse(raw string) (h Head) {
	for line := range strings.Lines(raw) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if h.Line == "" {
			h.Line = line
			h.Fields = make([]Field, 0, strings.Count(raw, "\n"))
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.Fields = append(h.Fields, Field{name, strings.Trim(value, " \t")})
		}
	}
	return h
}
