package decisionlog

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// mask is one element of data.system.log.mask, in the format of OPA's decision logs
// (https://www.openpolicyagent.org/docs/management-decision-logs#masking-sensitive-data): "/input/identity/name", which removes it, or
// {"op": "remove"|"upsert", "path": "/input/client/ip", "value": …}.
type mask struct {
	path   string
	result bool     // it is about the result, not the input
	parts  []string // below that; none: all of it
	upsert bool
	value  any
}

type masks []mask

// parseMasks refuses what it can't do: a mask that is passed over would show what it hides.
func parseMasks(list []any) (masks, error) {
	var all masks
	for _, item := range list {
		m, err := parseMask(item)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, compareMasks)
	return all, nil
}

// compareMasks orders a set's elements so that none undoes or misses another: what is put in comes before what is removed, and of a
// list the last elements are removed first, since those behind move up.
func compareMasks(a, b mask) int {
	if a.upsert != b.upsert {
		if a.upsert {
			return -1
		}
		return 1
	}
	return slices.CompareFunc(b.parts, a.parts, func(x, y string) int {
		i, err1 := strconv.Atoi(x)
		j, err2 := strconv.Atoi(y)
		if err1 == nil && err2 == nil {
			return i - j
		}
		return strings.Compare(x, y)
	})
}

func parseMask(item any) (m mask, err error) {
	switch v := item.(type) {
	case string:
		m.path = v
	case map[string]any:
		m.path, _ = v["path"].(string)
		m.value = v["value"]
		switch v["op"] {
		case "remove":
		case "upsert":
			m.upsert = true
		default:
			return m, errors.New("a mask's op is neither remove nor upsert")
		}
	default:
		return m, errors.New("a mask is neither a path nor an object")
	}
	rest, ok := strings.CutPrefix(m.path, "/input")
	if !ok {
		rest, m.result = strings.CutPrefix(m.path, "/result")
	}
	if !ok && !m.result || rest != "" && rest[0] != '/' {
		return m, errors.New("a mask's path is neither below /input nor below /result")
	}
	if rest == "" {
		if m.upsert || m.result {
			return m, errors.New("a mask hides a whole result, or puts something in the place of a whole input")
		}
		return m, nil
	}
	for p := range strings.SplitSeq(rest[1:], "/") {
		part, err := url.PathUnescape(p)
		if err != nil {
			return m, fmt.Errorf("a mask's path can't be read: %w", err)
		}
		m.parts = append(m.parts, part)
	}
	if m.result && m.parts[0] == "allow" {
		return m, errors.New("a mask hides whether it was allowed: that is what the log is for")
	}
	return m, nil
}

// of are those about results, or those about inputs.
func (ms masks) of(result bool) masks {
	return slices.DeleteFunc(slices.Clone(ms), func(m mask) bool { return m.result != result })
}

// apply changes the document, and says what was done. A path that is not there is none to hide.
func (ms masks) apply(document any) (shown any, erased, masked []string) {
	for _, m := range ms {
		switch {
		case m.upsert:
			if upsert(document, m.parts, m.value) {
				masked = append(masked, m.path)
			}
		case len(m.parts) == 0:
			document, erased = nil, append(erased, m.path)
		default:
			var ok bool
			if document, ok = remove(document, m.parts); ok {
				erased = append(erased, m.path)
			}
		}
	}
	return document, erased, masked
}

// remove takes out what is at the path, and returns what is left.
func remove(v any, path []string) (left any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		child, there := v[path[0]]
		if !there {
			return v, false
		}
		if len(path) == 1 {
			delete(v, path[0])
			return v, true
		}
		v[path[0]], ok = remove(child, path[1:])
		return v, ok
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(v) {
			return v, false
		}
		if len(path) == 1 {
			return slices.Delete(v, i, i+1), true
		}
		v[i], ok = remove(v[i], path[1:])
		return v, ok
	}
	return v, false
}

// upsert puts a value at the path, making objects on the way.
func upsert(v any, path []string, value any) bool {
	switch v := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			v[path[0]] = value
			return true
		}
		if v[path[0]] == nil {
			v[path[0]] = map[string]any{}
		}
		return upsert(v[path[0]], path[1:], value)
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(v) {
			return false
		}
		if len(path) == 1 {
			v[i] = value
			return true
		}
		return upsert(v[i], path[1:], value)
	}
	return false
}
