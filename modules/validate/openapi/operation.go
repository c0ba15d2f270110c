package openapi

import (
	"fmt"
	"slices"

	"github.com/convosphere/gateway/modules/validate/schema"
)

// operation reads one method of a path, and the parameters that the path has for all.
func (r *reader) operation(s spot, shared []string) (*Operation, error) {
	if s.obj["servers"] != nil {
		return nil, s.errorf("servers of a single operation are not supported")
	}
	op := &Operation{responses: map[string]*Response{}}
	for i := range op.byPlace {
		op.byPlace[i] = map[string]*Parameter{}
	}
	own, err := s.list("parameters")
	if err != nil {
		return nil, err
	}
	for _, at := range slices.Concat(shared, own) { // the operation's own replace those of the path
		p, err := r.parameter(at)
		if err != nil {
			return nil, err
		}
		op.byPlace[p.in][p.key()] = p
	}
	for place := range op.byPlace {
		for _, p := range op.byPlace[place] {
			op.parameters = append(op.parameters, p)
			if p.style == deepObject {
				op.deep = append(op.deep, p)
			}
		}
	}
	slices.SortFunc(op.parameters, byPlaceAndName)
	slices.SortFunc(op.deep, byPlaceAndName)
	if op.Body, err = r.body(s); err != nil {
		return nil, err
	}
	if err := r.responses(s, op); err != nil {
		return nil, err
	}
	op.Socket, err = r.socket(s)
	return op, err
}

// fits tells whether the parameters of the path are those of its template.
func (op *Operation) fits(p *Path) error {
	for name := range op.byPlace[InPath] {
		if !slices.Contains(p.names, name) {
			return fmt.Errorf("the path has no variable %s", name)
		}
	}
	return nil
}

// Response is one answer that is described.
type Response struct {
	content []media
}

func (r *reader) responses(s spot, op *Operation) error {
	all, err := s.members("responses")
	if err != nil {
		return err
	}
	for status, at := range all {
		found, err := r.object(at)
		if err != nil {
			return err
		}
		content, err := r.content(found, schema.Answered)
		if err != nil {
			return err
		}
		op.responses[status] = &Response{content}
		op.Checked = op.Checked || slices.ContainsFunc(content, func(m media) bool { return m.JSON && m.Schema != nil })
	}
	return nil
}

// Response gives what is described of a status; nil: nothing is.
func (op *Operation) Response(status int) *Response {
	for _, name := range []string{fmt.Sprint(status), fmt.Sprintf("%dXX", status/100), "default"} {
		if r := op.responses[name]; r != nil {
			return r
		}
	}
	return nil
}

// Empty tells whether the answer has no body.
func (r *Response) Empty() bool { return len(r.content) == 0 }

// Media finds what an answer of that media type is held to.
func (r *Response) Media(mediaType string) (m Media, ok bool) { return find(r.content, mediaType) }
