package inforce

import (
	"regexp"
	"strings"

	"github.com/convosphere/gateway/modules/internal/redact"
)

// Further parts of the names of settings that hold secrets.
var words = []string{"mac_key", "hmac", "cookie", "private", "signing_key", "x-key", "salt"}

func secretName(name string) bool {
	if redact.Name(name) {
		return true
	}
	name = strings.ToLower(name)
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

var (
	// placeholder is a place that a value is taken from, alone or behind the word that headers of logins begin with.
	placeholder = regexp.MustCompile(`^(?i:(?:bearer|basic|digest|token|apikey|splunk) )?\{(env|file|http|\$)[^{}]*\}$`)
	// assigned is a secret in a text of words and values, as a connection string of PostgreSQL, a query or a header.
	assigned = regexp.MustCompile(`(?i)([a-z_-]*(?:password|passwd|pwd|secret|token|api_?key|signature|sig)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,]+)`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic|digest)\s+\S+`)
)

// place is what the names above a value tell of it.
type place struct {
	secret bool // a text here is a secret
	sent   bool // so is each text here and below: the gateway sends it to somebody who may know it by that
	news   bool // an address here is one that anybody who has it may write to
}

// Hide is a value without secrets: not what a name says is one, nor what looks like one, nor what stands where operators put theirs under whatever name:
// headers of requests that the gateway makes, and paths of addresses that it sends news to. What is a place of a secret ({env.NAME}, {file.PATH}) stays.
func Hide(name string, v any) any {
	return hide(place{secret: secretName(name), news: takesNews(name)}, name, v)
}

func hide(at place, name string, v any) any {
	switch v := v.(type) {
	case string:
		switch {
		case v == "" || placeholder.MatchString(v):
			return v
		case at.secret || at.sent:
			return redact.Removed
		}
		return hideText(v, at.news)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = hide(at, name, e)
		}
		return out
	case Tree: // of settings with a secret's name (tokens { … }) each says for itself whether it is one
		out := make(Tree, len(v))
		for n, e := range v {
			out[n] = hide(place{secretName(n), at.sent || sent(name, v, n), at.news || takesNews(n)}, n, e)
		}
		return out
	}
	return v
}

func hideText(v string, news bool) string {
	if strings.Contains(v, "PRIVATE KEY") {
		return redact.Removed
	}
	if news && address.FindStringIndex(v) != nil {
		return hideAddress(v, news) // all of it: an address with a space in it is one, too
	}
	if strings.Contains(v, "://") {
		v = address.ReplaceAllStringFunc(v, func(a string) string { return hideAddress(a, news) })
	}
	v = bearer.ReplaceAllString(v, "$1 "+redact.Removed)
	v = assigned.ReplaceAllString(v, "${1}"+redact.Removed)
	return redact.Tokens(v)
}
