package capture

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/redact"
)

// Secrets is what of a request is never kept.
type Secrets struct {
	Cookies []string              // names of cookies
	Fields  func(string) []string // names of fields (a.b in JSON) that are secret at a path, besides those that are secret by their name
}

// Headers that hold nothing but a secret.
var secretHeaders = []string{"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "x-access-token", "x-csrf-token", "x-xsrf-token", "x-gateway-assertion"}

// secretCookie tells of cookies that stand for a signed-in person, in whatever application.
func secretCookie(name string) bool {
	lower := strings.ToLower(name)
	return redact.Name(name) || slices.ContainsFunc([]string{"sess", "sid", "auth", "jwt", "remember", "login"}, func(w string) bool { return strings.Contains(lower, w) })
}

// The portal's API and its OAuth endpoints take passwords, codes, assertions and tokens in their bodies: none of them is kept, wherever in it a secret may stand.
func isPortal(where string) bool {
	return strings.HasPrefix(where+"/", "/auth/api/") || strings.HasPrefix(where+"/", "/auth/oauth/")
}

// Strip takes the secrets out of the record. What can't be told to be free of them goes as a whole.
func (s Secrets) Strip(r *Record) {
	c := &cleaner{record: r}
	target, query, hasQuery := strings.Cut(r.URI, "?")
	where, err := url.PathUnescape(target)
	if err != nil {
		where = target
	}
	if s.Fields != nil {
		c.fields = s.Fields(where)
	}
	if hasQuery {
		target += "?" + c.form(query)
	}
	r.URI = c.tokens(target)
	for i, h := range r.Headers {
		r.Headers[i][1] = s.header(c, h[0], h[1])
	}
	c.body(where)
	slices.Sort(r.Removed)
	r.Removed = slices.Compact(r.Removed)
}

func (s Secrets) header(c *cleaner, name, value string) string {
	switch name = strings.ToLower(name); {
	case slices.Contains(secretHeaders, name):
		c.took(name)
		if scheme, _, ok := strings.Cut(value, " "); ok && strings.HasSuffix(name, "authorization") && len(scheme) < 16 {
			return scheme + " " + redact.Removed
		}
		return redact.Removed
	case name == "cookie":
		return c.tokens(s.cookies(c, value))
	case name == "referer":
		if at, query, ok := strings.Cut(value, "?"); ok {
			value = at + "?" + c.form(query)
		}
	}
	return c.tokens(value)
}

// cookies keeps all but the gateway's and those that are secret by their name.
func (s Secrets) cookies(c *cleaner, header string) string {
	pairs := strings.Split(header, ";")
	for i, p := range pairs {
		name, _, ok := strings.Cut(p, "=")
		bare := strings.TrimSpace(name)
		if ok && (slices.ContainsFunc(s.Cookies, func(n string) bool { return strings.EqualFold(n, bare) }) || secretCookie(bare)) {
			c.took("cookie " + bare)
			pairs[i] = name + "=" + redact.Removed
		}
	}
	return strings.Join(pairs, ";")
}

// cleaner works on one record.
type cleaner struct {
	record *Record
	fields []string
}

func (c *cleaner) took(what string) { c.record.Removed = append(c.record.Removed, what) }

func (c *cleaner) secret(name, dotted string) bool {
	return redact.Name(name) || slices.ContainsFunc(c.fields, func(f string) bool { return strings.EqualFold(f, name) || strings.EqualFold(f, dotted) })
}

func (c *cleaner) tokens(v string) string {
	clean := redact.Tokens(v)
	if clean != v {
		c.took("token")
	}
	return clean
}

// form keeps the bytes of every pair but the values of secret ones.
func (c *cleaner) form(v string) string {
	var b strings.Builder
	for v != "" {
		pair, sep := v, ""
		if i := strings.IndexAny(v, "&;"); i >= 0 {
			pair, sep = v[:i], v[i:i+1]
		}
		v = v[len(pair)+len(sep):]
		raw, _, ok := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(raw)
		if err != nil {
			name = raw
		}
		if ok && c.secret(strings.TrimSpace(name), "") {
			c.took(name)
			pair = raw + "=" + redact.Removed
		}
		b.WriteString(pair + sep)
	}
	return b.String()
}

func (c *cleaner) body(where string) {
	r := c.record
	if len(r.Body) == 0 {
		return
	}
	where = path.Clean("/" + strings.ToLower(strings.ReplaceAll(where, "\\", "/")))
	if isPortal(where) {
		r.Body, r.Missing = nil, "bodies of the portal's API are not captured"
		return
	}
	trimmed := bytes.TrimLeft(r.Body, " \t\r\n")
	media, _, _ := mime.ParseMediaType(r.header("content-type"))
	ok := false
	switch {
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		ok = c.json()
	case media == "application/x-www-form-urlencoded":
		r.Body, ok = []byte(c.form(string(r.Body))), true
	}
	if !ok && doubtful(r.Body) {
		r.Body, r.Missing = nil, "the body may hold a secret where it can't be taken out"
		return
	}
	r.Body = []byte(c.tokens(string(r.Body)))
}

// doubtful tells of a body that was not understood whether a secret's name may stand in it, also behind an escape.
func doubtful(b []byte) bool {
	lower := strings.ToLower(string(b))
	if redact.Word(lower) || strings.Contains(lower, `\u00`) {
		return true
	}
	un, err := url.QueryUnescape(lower)
	return err == nil && redact.Word(un)
}

func (r *Record) header(name string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// json puts a string in the place of each secret value, and keeps every other byte. False: it is not JSON to its end.
func (c *cleaner) json() bool {
	d := json.NewDecoder(bytes.NewReader(c.record.Body))
	d.UseNumber()
	w := &walker{c: c, d: d}
	if !w.value("") {
		return false
	}
	// Nothing else will do: a stray bracket is an error, not the end, and anything may stand behind it.
	if _, err := d.Token(); err != io.EOF {
		return false
	}
	for _, span := range slices.Backward(w.spans) {
		c.record.Body = slices.Concat(c.record.Body[:span[0]], []byte(strconv.Quote(redact.Removed)), c.record.Body[span[1]:])
	}
	return true
}

// walker finds where the secret values of a JSON text stand.
type walker struct {
	c     *cleaner
	d     *json.Decoder
	spans [][2]int64
	depth int
}

const deepest = 1024 // as the rules read it

func (w *walker) value(dotted string) bool {
	t, err := w.d.Token()
	if err != nil {
		return false
	}
	open, nested := t.(json.Delim)
	if !nested {
		return true
	}
	if w.depth++; w.depth > deepest {
		return false
	}
	for i := 0; w.d.More(); i++ {
		name := strconv.Itoa(i)
		if open == '{' {
			key, err := w.d.Token()
			if err != nil {
				return false
			}
			name, _ = key.(string)
		}
		inner := strings.TrimPrefix(dotted+"."+name, ".")
		if open == '{' && w.c.secret(name, inner) {
			var raw json.RawMessage
			if w.d.Decode(&raw) != nil {
				return false
			}
			end := w.d.InputOffset()
			w.spans = append(w.spans, [2]int64{end - int64(len(raw)), end})
			w.c.took(inner)
			continue
		}
		if !w.value(inner) {
			return false
		}
	}
	w.depth--
	_, err = w.d.Token()
	return err == nil
}
