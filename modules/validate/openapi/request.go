package openapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// Fault is one thing that is wrong, and where: of a parameter the pointer begins with its name.
type Fault struct {
	In Place
	schema.Fault
}

// maxFaults is how many are told.
const maxFaults = 8

func all(in Place, faults []schema.Fault) []Fault {
	out := make([]Fault, len(faults))
	for i, f := range faults {
		out[i] = Fault{in, f}
	}
	return out
}

// Parameters holds the parameters of a request to what the operation says. segs are those that Find was given.
func (op *Operation) Parameters(p *Path, r *http.Request, segs []string) (faults []Fault) {
	add := func(in Place) func(schema.Fault) {
		return func(f schema.Fault) {
			if len(faults) < maxFaults {
				faults = append(faults, Fault{in, f})
			}
		}
	}
	query := op.query(r.URL.RawQuery, add(InQuery))
	for _, param := range op.parameters {
		var texts []string
		switch param.in {
		case InPath:
			for i, name := range p.names {
				if name == param.name && i < len(segs) {
					texts = append(texts, segs[i])
				}
			}
		case InQuery:
			if param.style == deepObject {
				continue // below
			}
			texts = query[param.name]
		case InHeader:
			texts = r.Header[param.key()]
		case InCookie:
			for _, c := range r.CookiesNamed(param.name) {
				texts = append(texts, c.Value)
			}
		}
		param.check(texts, add(param.in))
	}
	for _, param := range op.deep {
		param.checkObject(query, add(InQuery))
	}
	return faults
}

// query reads the query. What two readers could read differently is a fault, and so is what the operation does not know.
func (op *Operation) query(raw string, add func(schema.Fault)) map[string][]string {
	if raw == "" {
		return nil
	}
	values := map[string][]string{}
	unknown := func(pointer, reason string) {
		add(schema.Fault{Kind: schema.Unknown, Pointer: pointer, Place: "*", Reason: reason})
	}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, err := decode(pair)
		switch {
		case err != nil:
			unknown("", "is not well encoded")
		case !op.knows(name):
			unknown(shorten(name), "is not a known parameter")
		default:
			values[name] = append(values[name], value)
		}
	}
	return values
}

func decode(pair string) (name, value string, err error) {
	if strings.Contains(pair, ";") {
		return "", "", fmt.Errorf("a semicolon") // which some readers take for &
	}
	name, value, _ = strings.Cut(pair, "=")
	if name, err = url.QueryUnescape(name); err != nil {
		return "", "", err
	}
	if value, err = url.QueryUnescape(value); err != nil {
		return "", "", err
	}
	if !utf8.ValidString(name) || !utf8.ValidString(value) {
		return "", "", fmt.Errorf("not UTF-8")
	}
	return name, value, nil
}

// shorten bounds a name that the sender chose.
func shorten(name string) string {
	if len(name) > 64 {
		return strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}

func (op *Operation) knows(name string) bool {
	if p := op.byPlace[InQuery][name]; p != nil {
		return p.style != deepObject
	}
	for _, p := range op.deep {
		if _, ok := p.member(name); ok {
			return true
		}
	}
	return false
}

// member is what stands in the brackets of name[member].
func (p *Parameter) member(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, p.name+"[")
	if !ok {
		return "", false
	}
	member, ok := strings.CutSuffix(rest, "]")
	return member, ok && !strings.ContainsAny(member, "[]")
}

// checkObject holds the members of an object in the style deepObject to its schema.
func (p *Parameter) checkObject(query map[string][]string, add func(schema.Fault)) {
	v := strictjson.Value{Kind: strictjson.Object}
	for name, texts := range query {
		member, ok := p.member(name)
		if !ok {
			continue
		}
		of := p.schema.Property(member)
		value := of.Read(texts[0])
		if of.Takes(strictjson.Array) {
			value = (&Parameter{schema: of}).list(texts)
		} else if len(texts) > 1 {
			add(schema.Fault{Kind: schema.Unknown, Pointer: p.name + "/" + shorten(member), Place: p.name + "/*", Reason: "is given twice"})
		}
		v.Members = append(v.Members, strictjson.Member{Name: member, Value: value})
	}
	if len(v.Members) == 0 {
		if p.required {
			add(schema.Fault{Kind: schema.Missing, Pointer: p.name, Place: p.name, Reason: "is missing"})
		}
		return
	}
	if p.schema == nil {
		return
	}
	for _, f := range p.schema.Check(&v, maxFaults) {
		f.Pointer, f.Place = p.name+f.Pointer, p.name+f.Place
		add(f)
	}
}

// Fields holds a form (application/x-www-form-urlencoded) to the schema of its media type.
func (m Media) Fields(raw string) (faults []Fault) {
	add := func(f schema.Fault) {
		if len(faults) < maxFaults {
			faults = append(faults, Fault{InBody, f})
		}
	}
	v := strictjson.Value{Kind: strictjson.Object}
	at := map[string]int{}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, text, err := decode(pair)
		if err != nil {
			add(schema.Fault{Kind: schema.Unknown, Reason: "is not well encoded"})
			return faults
		}
		of := m.Schema.Property(name)
		i, again := at[name]
		switch {
		case of.Takes(strictjson.Array) && again:
			v.Members[i].Value.Items = append(v.Members[i].Value.Items, of.Items().Read(text))
			continue
		case again:
			token := string(strictjson.AppendToken(nil, shorten(name)))
			add(schema.Fault{Kind: schema.Unknown, Pointer: token, Place: "/*", Reason: "is given twice"})
			continue
		}
		value := of.Read(text)
		if of.Takes(strictjson.Array) {
			value = (&Parameter{schema: of}).list([]string{text})
		}
		at[name] = len(v.Members)
		v.Members = append(v.Members, strictjson.Member{Name: name, Value: value})
	}
	if m.Schema != nil {
		for _, f := range m.Schema.Check(&v, maxFaults) {
			add(f)
		}
	}
	return faults
}

// Check holds JSON to the schema of its media type.
func (m Media) Check(in Place, v *strictjson.Value) []Fault {
	if m.Schema == nil {
		return nil
	}
	return all(in, m.Schema.Check(v, maxFaults))
}
