package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// maxOperations of one patch: each copies what it changes.
const maxOperations = 1000

// operation is one of a JSON Patch (RFC 6902).
type operation struct {
	Op    string          `json:"op"`
	Path  *string         `json:"path"`
	From  *string         `json:"from"`
	Value json.RawMessage `json:"value"`
}

// Patch changes a document by a JSON Patch (RFC 6902), all of it or nothing.
func Patch(doc any, patch []byte) (any, error) {
	var operations []operation
	_, err := engine.Decode(patch) // no member twice
	if err == nil {
		err = json.Unmarshal(patch, &operations)
	}
	if err != nil {
		return nil, fmt.Errorf("it is no JSON Patch: %w", err)
	}
	if len(operations) > maxOperations {
		return nil, fmt.Errorf("a patch has at most %d operations", maxOperations)
	}
	for i, o := range operations {
		var err error
		if doc, err = o.apply(doc); err != nil {
			return nil, fmt.Errorf("operation %d, %.16q: %w", i, o.Op, err)
		}
	}
	return doc, nil
}

func (o *operation) apply(doc any) (any, error) {
	path, err := pointer(o.Path)
	if err != nil {
		return nil, err
	}
	switch o.Op {
	case "remove":
		return remove(doc, path)
	case "move", "copy":
		from, err := pointer(o.From)
		if err != nil {
			return nil, err
		}
		value, err := find(doc, from)
		if err != nil {
			return nil, err
		}
		if o.Op == "move" {
			if len(path) > len(from) && slices.Equal(path[:len(from)], from) {
				return nil, errors.New("nothing moves into itself")
			}
			if doc, err = remove(doc, from); err != nil {
				return nil, err
			}
		}
		return add(doc, path, value)
	}
	if o.Value == nil {
		return nil, errors.New("it has no value")
	}
	value, err := engine.Decode(o.Value)
	if err != nil {
		return nil, err
	}
	switch o.Op {
	case "add":
		return add(doc, path, value)
	case "replace":
		if _, err := find(doc, path); err != nil {
			return nil, err
		}
		return replace(doc, path, value)
	case "test":
		there, err := find(doc, path)
		if err == nil && !equal(there, value) {
			err = errors.New("there is another value")
		}
		return doc, err
	}
	return nil, errors.New("there is no such operation")
}

// pointer reads a JSON pointer.
func pointer(s *string) ([]string, error) {
	switch {
	case s == nil:
		return nil, errors.New("it has no path")
	case *s == "":
		return nil, nil
	case !strings.HasPrefix(*s, "/"):
		return nil, errors.New("a JSON pointer begins with /")
	}
	path := strings.Split((*s)[1:], "/")
	for i, name := range path {
		if strings.Count(name, "~") != strings.Count(name, "~0")+strings.Count(name, "~1") {
			return nil, errors.New("in a JSON pointer ~ is written ~0")
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return path, nil
}

func add(doc any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	return change(doc, path, func(holder any, name string) (any, error) {
		switch holder := holder.(type) {
		case map[string]any:
			holder = maps.Clone(holder)
			holder[name] = value
			return holder, nil
		case []any:
			i := len(holder)
			if name != "-" {
				var err error
				if i, err = index(name, len(holder)); err != nil {
					return nil, err
				}
			}
			return slices.Insert(slices.Clone(holder), i, value), nil
		}
		return nil, fmt.Errorf("there is nothing in which %q could be", name)
	})
}

func replace(doc any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	return change(doc, path, func(holder any, name string) (any, error) {
		switch holder := holder.(type) {
		case map[string]any:
			holder = maps.Clone(holder)
			holder[name] = value
			return holder, nil
		case []any:
			i, err := index(name, len(holder)-1)
			if err != nil {
				return nil, err
			}
			holder = slices.Clone(holder)
			holder[i] = value
			return holder, nil
		}
		return nil, fmt.Errorf("there is nothing in which %q could be", name)
	})
}

func remove(doc any, path []string) (any, error) {
	if len(path) == 0 {
		return nil, errors.New("the whole document can't be removed")
	}
	return change(doc, path, func(holder any, name string) (any, error) {
		switch holder := holder.(type) {
		case map[string]any:
			if _, ok := holder[name]; !ok {
				return nil, fmt.Errorf("there is no %q", name)
			}
			holder = maps.Clone(holder)
			delete(holder, name)
			return holder, nil
		case []any:
			i, err := index(name, len(holder)-1)
			if err != nil {
				return nil, err
			}
			return slices.Delete(slices.Clone(holder), i, i+1), nil
		}
		return nil, fmt.Errorf("there is no %q", name)
	})
}

// equal compares as RFC 6902, section 4.6, has it: numbers by what they are worth.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(string(a), string(b)))
	}
	return a == b
}

// sameNumber compares numbers of reasonable length exactly; longer ones are the same only where they are written alike.
func sameNumber(a, b string) bool {
	x, y := new(big.Float).SetPrec(256), new(big.Float).SetPrec(256)
	if len(a) > 64 || len(b) > 64 {
		return false
	}
	_, ok1 := x.SetString(a)
	_, ok2 := y.SetString(b)
	return ok1 && ok2 && x.Cmp(y) == 0
}

// Merge changes a document by a JSON Merge Patch (RFC 7396): null removes.
func Merge(doc any, patch []byte) (any, error) {
	value, err := engine.Decode(patch)
	if err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	return mergePatch(doc, value), nil
}

func mergePatch(doc, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := doc.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object = maps.Clone(object)
	for name, value := range changes {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = mergePatch(object[name], value)
	}
	return object
}
