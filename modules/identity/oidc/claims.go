package oidc

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Claims are a token's members, or those of a userinfo answer, as JSON has them: string, float64, bool, []any, map[string]any, nil.
type Claims map[string]any

const (
	leeway  = 30 * time.Second // by which the issuer's clock may be ahead; none for exp
	maxTime = 253402300799     // the year 9999: no arithmetic on a time overflows
)

func parseClaims(raw []byte) (Claims, bool) {
	c := Claims{}
	if !isObject(raw) || json.Unmarshal(raw, (*map[string]any)(&c)) != nil {
		return nil, false
	}
	return c, true
}

// Get finds a claim: by its name, or where it begins with a slash by its place (RFC 6901), as in /realm_access/roles.
func (c Claims) Get(at string) any {
	if !strings.HasPrefix(at, "/") {
		return c[at]
	}
	var v any = map[string]any(c)
	for name := range strings.SplitSeq(at[1:], "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return v
}

// Text is a claim that is a text, "" else.
func (c Claims) Text(at string) string {
	s, _ := c.Get(at).(string)
	return s
}

// Texts are a claim's texts: of a list those of its members that are texts, of `scope` its words (RFC 8693 section 4.2), of a truth value its name.
func (c Claims) Texts(at string) []string {
	switch v := c.Get(at).(type) {
	case string:
		if at == "scope" {
			return strings.Fields(v)
		}
		return []string{v}
	case bool:
		if v {
			return []string{"true"}
		}
		return []string{"false"}
	case []any:
		var all []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// Has tells whether a claim is, or lists, the value.
func (c Claims) Has(at, value string) bool { return slices.Contains(c.Texts(at), value) }

// Time is a claim that is a NumericDate, to the second; given false: it is not there. ok false: it is no time.
func (c Claims) Time(name string) (t time.Time, given, ok bool) {
	v, given := c[name]
	if !given {
		return t, false, true
	}
	n, ok := v.(float64)
	if !ok || !(n >= 0 && n <= maxTime) {
		return t, true, false
	}
	return time.Unix(int64(n), 0).UTC(), true, true
}

// Current tells whether the token is for now: `exp` is there and has not come, `iat` and `nbf` have where they are there.
func (c Claims) Current(now time.Time) (expires time.Time, ok bool) {
	expires, given, ok := c.Time("exp")
	if !given || !ok || !now.Before(expires) {
		return expires, false
	}
	for _, name := range []string{"iat", "nbf"} {
		if t, given, ok := c.Time(name); !ok || given && t.After(now.Add(leeway)) {
			return expires, false
		}
	}
	return expires, true
}

// Audience is `aud`; nil where it is no text and no list of nothing but texts.
func (c Claims) Audience() []string {
	v, _ := c["aud"].([]any)
	all := c.Texts("aud")
	if _, single := c["aud"].(string); !single && len(v) != len(all) {
		return nil
	}
	return all
}

// Subject is `sub`, "" where it can't be one.
func (c Claims) Subject() string {
	if s := c.Text("sub"); len(s) <= maxIdentifier && strings.TrimSpace(s) != "" && !strings.ContainsRune(s, 0) {
		return s
	}
	return ""
}
