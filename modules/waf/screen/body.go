package screen

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// The rules that choose how a body is read, which extract follows where they are modelled.
const (
	ruleJSON   = 200001 // JSON by its media type
	ruleRaw    = 590020 // octet streams are not read
	ruleForced = 901340 // what is of no known type is read as a form
)

// The body processors that extract knows: as the rules 200000 and 200001 of the engine's configuration choose them.
var (
	isJSON = regexp.MustCompile(`^(?:application|text)/(?:[^;,\s]+\+)?json`)
	isXML  = regexp.MustCompile(`^(?:application|text)/(?:[^;,\s]+\+)?xml`)
	isRaw  = regexp.MustCompile(`^application/octet-stream(?:$|[;\s])`)
)

// kind is what a media type makes of a body.
type kind uint8

const (
	formBody kind = iota
	jsonBody
	rawBody    // it is not read
	forcedBody // of an unknown type: read as a form is, since the rule 901340 says so
	otherBody  // XML and multipart, which are not known here
)

func kindOf(contentType string) kind {
	switch t := strings.ToLower(contentType); {
	case isXML.MatchString(t):
		return otherBody
	case isJSON.MatchString(t):
		return jsonBody
	case strings.HasPrefix(strings.TrimSpace(t), "application/x-www-form-urlencoded"):
		return formBody
	case strings.HasPrefix(strings.TrimSpace(t), "multipart/form-data"):
		return otherBody
	case isRaw.MatchString(t):
		return rawBody
	}
	return forcedBody
}

// Form tells whether bodies of a media type are read as forms, declared or not.
func Form(contentType string) bool {
	k := kindOf(contentType)
	return k == formBody || k == forcedBody
}

// Raw tells whether bodies of a media type are a file's: no rule reads them.
func Raw(contentType string) bool { return kindOf(contentType) == rawBody }

// Plain tells whether bodies of a media type are of the shapes that are known here.
func Plain(contentType string) bool { return kindOf(contentType) != otherBody }

// body fills in what the processor that the media type chooses makes of the body.
func (b *builder) body(data []byte, contentType string) bool {
	kind := kindOf(contentType)
	if len(data) == 0 {
		b.noBody(emptyProcessor(contentType))
		return true
	}
	if c := firstByte(data); (c == '{' || c == '[') && kind != jsonBody {
		if !b.undeclared(data, kind == formBody || kind == forcedBody) {
			return false
		}
	}
	switch known := b.limits; kind {
	case jsonBody:
		b.noBody("JSON")
		return known.json && b.json(string(data)) && b.again("again")
	case rawBody:
		b.noBody("")
		return known.raw
	case forcedBody:
		if !known.forced {
			return false
		}
		b.add(processor, "", "") // in phase 1
		fallthrough
	case formBody:
		s := string(data)
		b.add(processor, "", "URLENCODED")
		b.add(body, "", s)
		b.add(bodyLength, "", strconv.Itoa(len(s)))
		return b.form(s, argsPost, argsPostNames) && len(Clashes(s)) == 0 && b.again(Unused("again", s))
	}
	return false
}

// undeclared adds what the handler adds of a body that is JSON and does not say so: its strings, as arguments. They count with those of the form that the
// body is read as; form gets what is left of the limit.
func (b *builder) undeclared(data []byte, form bool) bool {
	name, n := "json", 0
	if form {
		name = Unused(name, string(data))
	}
	Strings(bytes.NewReader(data), func(s string) bool {
		key := Numbered(name, n)
		b.add(argsPost, key, s)
		b.add(argsPostNames, key, key)
		n++
		b.limits.Arguments--
		return b.limits.Arguments > 0
	})
	return b.limits.Arguments > 0
}

// again adds the arguments whose key is there more than once under keys of their own, as the handler does: Coraza remembers what transformations made of a value by
// the place of the key's text in memory and by a number that depends on the order of a map, and may take one value of a key for another.
func (b *builder) again(name string) bool {
	from := slices.IndexFunc(b.x.members, func(m member) bool { return m.source == argsPost })
	if from < 0 {
		return true
	}
	times := map[string]int{}
	for _, m := range b.x.members[from:] {
		if m.source == argsPost {
			times[strings.ToLower(m.key)]++
		}
	}
	for _, m := range b.x.members[from:] {
		if m.source == argsPost && times[strings.ToLower(m.key)] > 1 {
			b.x.repeated = append(b.x.repeated, Argument{Numbered(name, len(b.x.repeated)), m.value})
		}
	}
	for _, a := range b.x.repeated {
		b.add(argsPost, a.Key, a.Value)
		b.add(argsPostNames, a.Key, a.Key)
	}
	return len(times)+len(b.x.repeated) <= b.limits.Arguments
}

// Argument is one that is added to what a body holds.
type Argument struct{ Key, Value string }

// Numbered is a key of its own for each number.
func Numbered(name string, n int) string { return name + "." + strconv.Itoa(n) }

// Unused is a key that a form does not have. One that it had would take the place of what was added under it before.
func Unused(name, form string) string {
	for key := range Pairs(form) {
		if lower := strings.ToLower(key); strings.HasPrefix(lower, name) {
			name = lower + "_"
		}
	}
	return name
}

// Strings calls f with each string in a JSON text, names of members included, up to its end or to where it is no JSON, until f returns false.
func Strings(text io.Reader, f func(s string) bool) {
	for d := json.NewDecoder(text); ; {
		token, err := d.Token()
		if err != nil {
			return
		}
		if s, ok := token.(string); ok && !f(s) {
			return
		}
	}
}

// emptyProcessor is the one that a media type chooses where there is no body to read.
func emptyProcessor(contentType string) string {
	switch t := strings.ToLower(contentType); {
	case isJSON.MatchString(t):
		return "JSON"
	case isXML.MatchString(t):
		return "XML"
	case strings.HasPrefix(strings.TrimSpace(t), "application/x-www-form-urlencoded"):
		return "URLENCODED"
	case strings.HasPrefix(strings.TrimSpace(t), "multipart/form-data"):
		return "MULTIPART"
	}
	return ""
}

func (b *builder) noBody(kind string) {
	b.add(processor, "", kind)
	b.add(body, "", "")
	b.add(bodyLength, "", "0")
}

// firstByte is the first that is not white space, 0 if there is none.
func firstByte(data []byte) byte {
	for _, c := range data {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// json flattens a body as Coraza's processor does: json.a.b for members, json.0 for elements, and the length of each array under the array's own name.
func (b *builder) json(s string) bool {
	if !shallow(s, b.limits.Depth) || !gjson.Valid(s) {
		return false
	}
	f := flattening{b: b, budget: max(len(s)*8, 4096), values: b.limits.Arguments, lengths: b.limits.Arguments}
	return f.items(gjson.Parse(s), []byte("json"), b.limits.Depth)
}

type flattening struct {
	b                       *builder
	budget, values, lengths int // what is left of them
}

func (f *flattening) items(v gjson.Result, path []byte, depth int) bool {
	if depth <= 0 {
		return false
	}
	ok, n := true, 0
	v.ForEach(func(key, value gjson.Result) bool {
		at := append(path, '.')
		if key.Type == gjson.String {
			at = append(at, key.Str...)
		} else {
			at = strconv.AppendInt(at, int64(key.Num), 10)
			n++
		}
		switch value.Type {
		case gjson.JSON:
			ok = f.items(value, at, depth-1)
		case gjson.String:
			ok = f.leaf(at, value.Str, &f.values)
		case gjson.Null:
			ok = f.leaf(at, "", &f.values)
		default:
			ok = f.leaf(at, value.Raw, &f.values)
		}
		return ok
	})
	if ok && n > 0 {
		ok = f.leaf(path, strconv.Itoa(n), &f.lengths)
	}
	return ok
}

func (f *flattening) leaf(path []byte, value string, left *int) bool {
	*left--
	f.budget -= len(path) + len(value)
	if *left < 0 || f.budget < 0 {
		return false
	}
	key := string(path)
	f.b.add(argsPost, key, value)
	f.b.add(argsPostNames, key, key)
	return true
}

// shallow tells whether containers in a JSON text nest no deeper than limit, without recursion.
func shallow(s string, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
