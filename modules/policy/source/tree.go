package source

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Documents here are JSON values as encoding/json makes them, with json.Number. They are never changed: what is set in one is set in a
// copy, which shares the rest.

// Bounds of a path.
const (
	maxDepth = 32
	maxName  = 256
)

// ParsePath reads names separated by slashes, in which ~1 stands for a slash and ~0 for a tilde, as in JSON pointers (RFC 6901). A slash
// at the beginning may be left out; the empty path is the whole document.
func ParsePath(s string) ([]string, error) {
	if s = strings.TrimPrefix(s, "/"); s == "" {
		return nil, nil
	}
	path := strings.Split(s, "/")
	if len(path) > maxDepth {
		return nil, fmt.Errorf("a path has at most %d names", maxDepth)
	}
	for i, name := range path {
		unescaped := strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if strings.Count(name, "~") != strings.Count(name, "~0")+strings.Count(name, "~1") {
			return nil, fmt.Errorf("%q: ~ is written ~0", name)
		}
		if unescaped == "" || len(unescaped) > maxName || !utf8.ValidString(unescaped) || strings.ContainsFunc(unescaped, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return nil, fmt.Errorf("%q is no name: 1 to %d bytes of UTF-8 without control characters", name, maxName)
		}
		path[i] = unescaped
	}
	return path, nil
}

// FormatPath writes what ParsePath reads.
func FormatPath(path []string) string {
	names := make([]string, len(path))
	for i, name := range path {
		names[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return strings.Join(names, "/")
}

// change has f change what holds the last name of a path, through objects and arrays (RFC 6901), in a copy.
func change(doc any, path []string, f func(holder any, name string) (any, error)) (any, error) {
	if len(path) == 1 {
		return f(doc, path[0])
	}
	switch holder := doc.(type) {
	case map[string]any:
		below, ok := holder[path[0]]
		if !ok {
			return nil, fmt.Errorf("there is no %q", path[0])
		}
		below, err := change(below, path[1:], f)
		if err != nil {
			return nil, err
		}
		holder = maps.Clone(holder)
		holder[path[0]] = below
		return holder, nil
	case []any:
		i, err := index(path[0], len(holder)-1)
		if err != nil {
			return nil, err
		}
		below, err := change(holder[i], path[1:], f)
		if err != nil {
			return nil, err
		}
		holder = slices.Clone(holder)
		holder[i] = below
		return holder, nil
	}
	return nil, fmt.Errorf("there is nothing in which %q could be", path[0])
}

// find returns the value at a path of objects and arrays.
func find(doc any, path []string) (any, error) {
	for _, name := range path {
		switch holder := doc.(type) {
		case map[string]any:
			below, ok := holder[name]
			if !ok {
				return nil, fmt.Errorf("there is no %q", name)
			}
			doc = below
		case []any:
			i, err := index(name, len(holder)-1)
			if err != nil {
				return nil, err
			}
			doc = holder[i]
		default:
			return nil, fmt.Errorf("there is nothing in which %q could be", name)
		}
	}
	return doc, nil
}

// index reads an array's index, at most last.
func index(name string, last int) (int, error) {
	i, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(i) != name || i < 0 { // no sign, no zeros before
		return 0, fmt.Errorf("%q is no index", name)
	}
	if i > last {
		return 0, errors.New("the index " + name + " is outside of the array")
	}
	return i, nil
}
