package waf

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What happens to an answer that is flushed before its end, or longer than the limit; or Pass: what had come until then was inspected, the rest is not.
const (
	Watch = "watch" // it is inspected as it comes by
	Hold  = "hold"  // a flush is not followed, except of an event stream, until the answer's end or the limit; then as watch
)

const (
	defaultResponseLimit = 128 << 10 // as a request's body: so much of an answer is in memory
	mostResponseLimit    = 16 << 20
	overlap              = 4 << 10  // of an answer that is watched: so long may a leak be, across two windows
	window               = 32 << 10 // of an answer that is watched: so much is kept back at most
)

// defaultTypes are the texts that back ends write at run time, errors included. Style sheets and scripts are left out: they are files, and it
// is their nature to hold source code. So are tables (text/csv) and other exports: they are long, and nobody renders an error as one.
var defaultTypes = []string{
	"text/html", "text/plain", "text/xml", "text/event-stream",
	"application/json", "application/*+json", "application/x-ndjson", "application/xml", "application/*+xml",
}

// Responses says which answers are inspected, and how.
type Responses struct {
	// Inspects none; no response rules are loaded.
	Off bool `json:"off,omitempty"`

	// Media types that are inspected: type/subtype, type/* or type/*+suffix. Default: HTML, plain text, XML, JSON, event streams.
	Types []string `json:"types,omitempty"`

	// How much of an answer is kept back until it was inspected, in bytes; default 128 KiB.
	Limit int64 `json:"limit,omitempty"`

	// An answer that is flushed early or is longer: "watch" (default), "hold" or "pass".
	Stream string `json:"stream,omitempty"`
}

// filled is a copy with the defaults.
func (o *Responses) filled() *Responses {
	f := new(Responses)
	if o != nil {
		*f = *o
	}
	if len(f.Types) == 0 {
		f.Types = defaultTypes
	}
	if f.Limit == 0 {
		f.Limit = defaultResponseLimit
	}
	if f.Stream == "" {
		f.Stream = Watch
	}
	return f
}

var typePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]*/(?:\*(?:\+[a-z0-9][a-z0-9._-]*)?|[a-z0-9][a-z0-9!#$&^_.+-]*)$`)

func (o *Responses) validate() error {
	for _, t := range o.Types {
		if !typePattern.MatchString(t) {
			return fmt.Errorf("responses: type %q: it is as text/html, text/* or application/*+json, in lower case", t)
		}
	}
	if o.Limit < overlap || o.Limit > mostResponseLimit {
		return fmt.Errorf("responses: limit %d: it is 4 KiB to 16 MiB", o.Limit)
	}
	if o.Stream != Watch && o.Stream != Hold && o.Stream != Pass {
		return fmt.Errorf("responses: stream %q: it is watch, hold or pass", o.Stream)
	}
	return nil
}

// mediaType is the type without parameters, as it is compared.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	t, _, _ = strings.Cut(t, ",") // two types in one header: browsers take either
	return strings.ToLower(strings.TrimSpace(t))
}

// inspects tells whether answers of the media type are inspected.
func (o *Responses) inspects(media string) bool {
	return slices.ContainsFunc(o.Types, func(pattern string) bool {
		head, tail, wild := strings.Cut(pattern, "*")
		if !wild {
			return media == pattern
		}
		return len(media) > len(pattern)-1 && strings.HasPrefix(media, head) && strings.HasSuffix(media, tail)
	})
}

// escaped tells whether the texts of the media type have the escapes of JSON.
func escaped(media string) bool {
	return strings.HasSuffix(media, "json") || media == "text/event-stream"
}
