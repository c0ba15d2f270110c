package openapi

import (
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/validate/schema"
)

// Body is what a request may bring.
type Body struct {
	Required bool
	content  []media
}

// Media is what a body of one media type is held to.
type Media struct {
	JSON   bool           // it is JSON
	Form   bool           // it is application/x-www-form-urlencoded
	Schema *schema.Schema // nil: nothing is said
}

type media struct {
	pattern string // type/subtype, type/* or */*
	Media
}

func (r *reader) body(s spot) (*Body, error) {
	if s.obj["requestBody"] == nil {
		return nil, nil
	}
	found, err := r.object(s.below("requestBody"))
	if err != nil {
		return nil, err
	}
	b := &Body{Required: found.bool("required")}
	b.content, err = r.content(found, schema.Sent)
	return b, err
}

// Media finds what a body of that media type is held to.
func (b *Body) Media(mediaType string) (m Media, ok bool) { return find(b.content, mediaType) }

// Types are the media types that are taken.
func (b *Body) Types() []string {
	var all []string
	for _, m := range b.content {
		all = append(all, m.pattern)
	}
	return all
}

// content reads what stands there by media type, the most exact first.
func (r *reader) content(s spot, d schema.Direction) ([]media, error) {
	types, err := s.members("content")
	if err != nil {
		return nil, err
	}
	var all []media
	for name, at := range types {
		found, err := r.object(at)
		if err != nil {
			return nil, err
		}
		pattern, _, _ := strings.Cut(strings.ToLower(name), ";")
		m := media{pattern: strings.TrimSpace(pattern)}
		m.JSON, m.Form = IsJSON(m.pattern), m.pattern == "application/x-www-form-urlencoded"
		if m.JSON || m.Form || strings.Contains(m.pattern, "*") {
			if m.Schema, err = r.schema(found, "schema", d); err != nil {
				return nil, err
			}
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b media) int {
		if wild := strings.Count(a.pattern, "*") - strings.Count(b.pattern, "*"); wild != 0 {
			return wild
		}
		return strings.Compare(a.pattern, b.pattern)
	})
	return all, nil
}

func find(content []media, mediaType string) (Media, bool) {
	for _, m := range content {
		head, wild := strings.CutSuffix(m.pattern, "*")
		if m.pattern != mediaType && m.pattern != "*/*" && (!wild || !strings.HasPrefix(mediaType, head)) {
			continue
		}
		if wild {
			m.JSON, m.Form = IsJSON(mediaType), mediaType == "application/x-www-form-urlencoded"
		}
		return m.Media, true
	}
	return Media{}, false
}

// IsJSON tells whether a media type, in lower case and without parameters, is one of JSON.
func IsJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}
