package openapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// reader walks a document.
type reader struct {
	root    any
	schemas *schema.Set
}

// spot is an object of the document, and where it stands.
type spot struct {
	at  string // a JSON pointer
	obj map[string]any
}

func (s spot) string(name string) string {
	text, _ := s.obj[name].(string)
	return text
}

func (s spot) bool(name string) bool {
	b, _ := s.obj[name].(bool)
	return b
}

func (s spot) below(name string) string { return string(strictjson.AppendToken([]byte(s.at), name)) }

// errorf says what is wrong, and where.
func (s spot) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", s.at, fmt.Errorf(format, args...))
}

// longestChain bounds references to references.
const longestChain = 32

// object gives the object at a pointer, following references.
func (r *reader) object(at string) (spot, error) {
	for range longestChain {
		v, err := r.value(at)
		if err != nil {
			return spot{}, err
		}
		obj, ok := v.(map[string]any)
		if !ok {
			return spot{}, fmt.Errorf("%s: an object was expected", at)
		}
		ref, ok := obj["$ref"].(string)
		if !ok {
			return spot{at, obj}, nil
		}
		rest, ok := strings.CutPrefix(ref, "#")
		if !ok {
			return spot{}, fmt.Errorf("%s: it refers to another document: all of it must stand in one file", at)
		}
		at = rest
	}
	return spot{}, fmt.Errorf("%s: the references never end", at)
}

func (r *reader) value(at string) (any, error) {
	tokens, err := strictjson.Pointer(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	v := r.root
	for _, t := range tokens {
		switch parent := v.(type) {
		case map[string]any:
			next, ok := parent[t]
			if !ok {
				return nil, fmt.Errorf("%s: there is no such place in the document", at)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(parent) {
				return nil, fmt.Errorf("%s: there is no such place in the document", at)
			}
			v = parent[i]
		default:
			return nil, fmt.Errorf("%s: there is no such place in the document", at)
		}
	}
	return v, nil
}

// list gives where the items of a member are, none where there is no such member.
func (s spot) list(name string) ([]string, error) {
	v, ok := s.obj[name]
	if !ok {
		return nil, nil
	}
	items, ok := v.([]any)
	if !ok {
		return nil, s.errorf("%s: a list was expected", name)
	}
	at := make([]string, len(items))
	for i := range items {
		at[i] = s.below(name) + "/" + strconv.Itoa(i)
	}
	return at, nil
}

// members gives where the members of an object are, by name; none where there is no such member.
func (s spot) members(name string) (map[string]string, error) {
	v, ok := s.obj[name]
	if !ok {
		return nil, nil
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, s.errorf("%s: an object was expected", name)
	}
	at := make(map[string]string, len(obj))
	for member := range obj {
		at[member] = string(strictjson.AppendToken([]byte(s.below(name)), member))
	}
	return at, nil
}

// schema compiles what stands under a member of the spot; nil where nothing does.
func (r *reader) schema(s spot, name string, d schema.Direction) (*schema.Schema, error) {
	if _, ok := s.obj[name]; !ok {
		return nil, nil
	}
	return r.schemas.Compile(s.below(name), d)
}

var errVersion = errors.New("openapi: it must be 3.0 or 3.1")
