package screen

import (
	"iter"
	"net/url"
	"strings"
)

// Request is what a transaction is told of a request.
type Request struct {
	Method, URI, Proto string
	Header             func(yield func(name, value string) bool) // in the order and spelling in which the transaction is told
	Body               []byte                                    // whole
}

// Limits are those of the rule set, beyond which Coraza leaves things out or refuses.
type Limits struct {
	Arguments int // of a query, and of a body
	Depth     int // of JSON

	json, raw, forced bool // the rules are there that read bodies of each kind so
}

// extract fills the variables as Coraza does. ok is false for a request that is not of the plain shapes known here: then nothing is known of it.
func extract(r *Request, l Limits, x *exchange) (ok bool) {
	b := builder{x: x, limits: l}
	b.add(method, "", r.Method)
	b.add(protocol, "", r.Proto)
	b.add(line, "", r.Method+" "+r.URI+" "+r.Proto)
	contentType, ok := b.headers(r.Header)
	if !ok || !b.uri(r.URI) {
		return false
	}
	if !b.body(r.Body, contentType) {
		return false
	}
	b.finish()
	return true
}

type builder struct {
	x      *exchange
	limits Limits
}

func (b *builder) add(s source, key, value string) {
	b.x.members = append(b.x.members, member{s, key, value})
}

// finish orders the members by source.
func (b *builder) finish() { b.x.order() }

func (x *exchange) order() {
	for i := range x.members {
		x.from[x.members[i].source+1]++
	}
	for s := range sources {
		x.from[s+1] += x.from[s]
	}
	next, sorted := x.from, make([]member, len(x.members))
	for _, m := range x.members {
		sorted[next[m.source]] = m
		next[m.source]++
	}
	x.members = sorted
}

func (b *builder) headers(each func(yield func(name, value string) bool)) (contentType string, ok bool) {
	types := 0
	each(func(name, value string) bool {
		b.add(headers, name, value)
		b.add(headerNames, name, name)
		switch {
		case strings.EqualFold(name, "Cookie"):
			b.cookies(value)
		case strings.EqualFold(name, "Content-Type"):
			types++
			contentType = value
		}
		return true
	})
	return contentType, types < 2
}

// cookies takes a header apart as Coraza's cookies.ParseCookies does.
func (b *builder) cookies(s string) {
	for more := true; more; {
		var part string
		part, s, more = strings.Cut(s, ";")
		name, value, _ := strings.Cut(trimControls(part), "=")
		if name, value = trimControls(name), trimControls(value); name == "" && value == "" {
			continue
		}
		b.add(cookies, name, value)
		b.add(cookieNames, name, name)
	}
}

func trimControls(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7F })
}

func (b *builder) uri(raw string) bool {
	b.add(uriRaw, "", raw)
	plain, _, fragment := strings.Cut(raw, "#")
	u, err := url.ParseRequestURI(plain)
	if err != nil || fragment {
		return false
	}
	b.add(uri, "", u.String())
	b.add(filename, "", u.Path)
	base := u.Path
	if i := strings.LastIndexAny(base, `/\`); i >= 0 && len(base) > i+1 {
		base = base[i+1:]
	}
	b.add(basename, "", base)
	b.add(query, "", u.RawQuery)
	return b.form(u.RawQuery, argsGet, argsGetNames)
}

// form takes a query apart as Coraza's url.ParseQuery does.
func (b *builder) form(s string, values, names source) bool {
	n := 0
	for key, value := range Pairs(s) {
		if n++; n > b.limits.Arguments {
			return false
		}
		b.add(values, key, value)
		b.add(names, key, key)
	}
	return true
}

// Pairs are the keys and values of a query or a form, as Coraza takes them apart.
func Pairs(s string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for s := s; s != ""; {
			var pair string
			if pair, s, _ = strings.Cut(s, "&"); pair == "" {
				continue
			}
			key, value, _ := strings.Cut(pair, "=")
			if !yield(unescape(key), unescape(value)) {
				return
			}
		}
	}
}

// Clashes are the keys of a form, in lower case, that are there in several spellings. Of these Coraza keeps the values of one, and which one is chance.
func Clashes(s string) (keys map[string]bool) {
	spelled := map[string]string{}
	for key := range Pairs(s) {
		lower := strings.ToLower(key)
		if before, ok := spelled[lower]; !ok {
			spelled[lower] = key
		} else if before != key {
			if keys == nil {
				keys = map[string]bool{}
			}
			keys[lower] = true
		}
	}
	return keys
}

// unescape undoes what can be undone and leaves the rest.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, nibble(s[i+1])<<4|nibble(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func nibble(b byte) byte {
	switch {
	case b >= 'a':
		return b - 'a' + 10
	case b >= 'A':
		return b - 'A' + 10
	}
	return b - '0'
}
