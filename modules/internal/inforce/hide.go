package inforce

import (
	"net/url"
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
	placeholder = regexp.MustCompile(`^\{(env|file|\$)[^{}]*\}$`)
	// assigned is a secret in a text of words and values, as a connection string of PostgreSQL, a query or a header.
	assigned = regexp.MustCompile(`(?i)([a-z_-]*(?:password|passwd|pwd|secret|token|api_?key|signature|sig)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,]+)`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic|digest)\s+\S+`)
	address  = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>]+`)
	// key is a part of a path that only chance makes: services for messages have their secret there.
	key = regexp.MustCompile(`^[A-Za-z0-9_:.-]{20,}$`)
)

// Hide is a value without secrets: not what a name says is one, nor what looks like one. What is a place of a secret ({env.NAME}, {file.PATH}) stays.
func Hide(name string, v any) any { return hide(name, v, false) }

// within tells that v stands in something whose name is a secret's: whatever text it holds is one.
func hide(name string, v any, within bool) any {
	secret := within || secretName(name)
	switch v := v.(type) {
	case string:
		switch {
		case v == "" || placeholder.MatchString(v):
			return v
		case secret:
			return redact.Removed
		}
		return hideText(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = hide("", e, secret)
		}
		return out
	case Tree: // of settings with such a name (tokens { … }) each says for itself whether it is one
		out := make(Tree, len(v))
		for n, e := range v {
			out[n] = hide(n, e, false)
		}
		return out
	}
	return v
}

func hideText(v string) string {
	if strings.Contains(v, "PRIVATE KEY") {
		return redact.Removed
	}
	if strings.Contains(v, "://") {
		v = address.ReplaceAllStringFunc(v, hideAddress)
	}
	v = bearer.ReplaceAllString(v, "$1 "+redact.Removed)
	v = assigned.ReplaceAllString(v, "${1}"+redact.Removed)
	return redact.Tokens(v)
}

// hideAddress takes out of an address whoever signs in with what, and what stands in it by chance.
func hideAddress(v string) string {
	u, err := url.Parse(v)
	if err != nil {
		return redact.Removed // it can't be told what in it is a secret
	}
	if u.User != nil {
		if _, ok := u.User.Password(); ok {
			u.User = url.UserPassword(u.User.Username(), redact.Removed)
		}
	}
	parts := strings.Split(u.Path, "/")
	for i, p := range parts {
		if key.MatchString(p) && strings.ContainsAny(p, "0123456789") && strings.Trim(p, "0123456789.") != "" {
			parts[i] = redact.Removed
		}
	}
	if path := strings.Join(parts, "/"); path != u.Path {
		u.Path, u.RawPath = path, ""
	}
	if q := u.Query(); len(q) > 0 {
		for name, values := range q {
			for i, w := range values {
				if s, ok := Hide(name, w).(string); ok && s != w || key.MatchString(w) && strings.ContainsAny(w, "0123456789") {
					values[i] = redact.Removed
				}
			}
		}
		u.RawQuery = q.Encode()
	}
	return u.String()
}
