package openapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// Place is where something of a request stands.
type Place uint8

// Places. The first four are those of parameters.
const (
	InPath Place = iota
	InQuery
	InHeader
	InCookie
	InBody
	InMessage // of a socket
	InAnswer  // of the back end
)

var placeNames = []string{"path", "query", "header", "cookie", "body", "message", "response"}

// String is as OpenAPI has it.
func (p Place) String() string { return placeNames[p] }

// style is how several values are written as one text.
type style uint8

const (
	one        style = iota // a single value
	repeated                // a list: the parameter comes several times
	joined                  // a list with a separator
	deepObject              // an object: name[member]
	inJSON                  // content: application/json
)

// Parameter is one that is described.
type Parameter struct {
	name      string
	in        Place
	required  bool
	empty     bool // allowEmptyValue
	style     style
	separator string
	schema    *schema.Schema
}

// key is how it is found: names of headers tell no case.
func (p *Parameter) key() string {
	if p.in == InHeader {
		return http.CanonicalHeaderKey(p.name)
	}
	return p.name
}

func byPlaceAndName(a, b *Parameter) int {
	return cmp.Or(cmp.Compare(a.in, b.in), strings.Compare(a.name, b.name))
}

func (r *reader) parameter(at string) (*Parameter, error) {
	s, err := r.object(at)
	if err != nil {
		return nil, err
	}
	i := slices.Index(placeNames[:InBody], s.string("in"))
	if i < 0 {
		return nil, s.errorf("in: %q is no place of a parameter", s.string("in"))
	}
	p := &Parameter{name: s.string("name"), in: Place(i), required: s.bool("required"), empty: s.bool("allowEmptyValue")}
	if s.obj["content"] != nil {
		return p, r.inJSON(s, p)
	}
	if p.schema, err = r.schema(s, "schema", schema.Sent); err != nil {
		return nil, err
	}
	return p, p.written(s)
}

// inJSON reads a parameter whose value is JSON.
func (r *reader) inJSON(s spot, p *Parameter) error {
	content, err := r.content(s, schema.Sent)
	if err != nil {
		return err
	}
	if len(content) != 1 || !content[0].JSON {
		return s.errorf("content: of a parameter it must be JSON")
	}
	p.style, p.schema = inJSON, content[0].Schema
	return nil
}

// written works out how the values of lists and objects are written.
func (p *Parameter) written(s spot) error {
	said := s.string("style")
	if said == "" {
		said = map[Place]string{InPath: "simple", InHeader: "simple", InQuery: "form", InCookie: "form"}[p.in]
	}
	explode, given := s.obj["explode"].(bool)
	if !given {
		explode = said == "form"
	}
	switch {
	case said == "deepObject" && p.in == InQuery:
		p.style = deepObject
		return nil
	case said == "matrix", said == "label", said == "deepObject":
		return s.errorf("the style %s is not supported", said)
	case p.schema.Takes(strictjson.Object):
		return s.errorf("an object in the style %s is not supported: write deepObject or content", said)
	case !p.schema.Takes(strictjson.Array):
		return nil
	case explode && said == "form" && p.in == InQuery:
		p.style = repeated
		return nil
	case explode && p.in == InCookie:
		return s.errorf("a list of cookies is not supported")
	}
	p.style = joined
	p.separator = map[string]string{"spaceDelimited": " ", "pipeDelimited": "|"}[said]
	if p.separator == "" {
		p.separator = ","
	}
	return nil
}

// check holds the texts that came for the parameter to its schema. add tells each fault.
func (p *Parameter) check(texts []string, add func(schema.Fault)) {
	told := func(kind schema.Kind, reason string) {
		add(schema.Fault{Kind: kind, Pointer: p.name, Place: p.name, Reason: reason})
	}
	switch {
	case len(texts) == 0 && p.required:
		told(schema.Missing, "is missing")
		return
	case len(texts) == 0, p.empty && len(texts) == 1 && texts[0] == "":
		return
	case len(texts) > 1 && p.style != repeated:
		told(schema.Unknown, "is given twice")
		return
	case p.schema == nil:
		return
	}
	v, err := p.value(texts)
	if err != nil {
		told(schema.Type, "must be JSON")
		return
	}
	for _, f := range p.schema.Check(&v, maxFaults) {
		f.Pointer, f.Place = p.name+f.Pointer, p.name+f.Place
		add(f)
	}
}

// value reads what came.
func (p *Parameter) value(texts []string) (strictjson.Value, error) {
	switch p.style {
	case inJSON:
		v, err := strictjson.ParseAtMost([]byte(texts[0]), maxParameterValues)
		if err != nil {
			return strictjson.Value{}, err
		}
		return *v, nil
	case joined:
		return p.list(strings.Split(texts[0], p.separator)), nil
	case repeated:
		return p.list(texts), nil
	}
	return p.schema.Read(texts[0]), nil
}

// maxParameterValues bounds JSON in a parameter.
const maxParameterValues = 1024

func (p *Parameter) list(texts []string) strictjson.Value {
	items, v := p.schema.Items(), strictjson.Value{Kind: strictjson.Array}
	for _, t := range texts {
		v.Items = append(v.Items, items.Read(t))
	}
	return v
}
