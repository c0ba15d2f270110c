package classify

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
)

// maxDepth is how deep JSON may be nested that passes the gateway.
const maxDepth = 64

var (
	errPointerForm  = errors.New("a pointer begins with a slash; \"\" is the whole")
	errPointerTilde = errors.New("write ~0 for ~ and ~1 for /")
	errPointerLong  = errors.New("the pointer is too long, or too deep")
	errParameter    = errors.New("write the plain name of a parameter")
)

// CheckPointer tells what is wrong with a pointer.
func CheckPointer(p string) error {
	switch {
	case p == "":
		return nil
	case p[0] != '/':
		return errPointerForm
	case len(p) > maxPointer || strings.Count(p, "/") > maxDepth:
		return errPointerLong
	case strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(p), "~"):
		return errPointerTilde
	}
	return nil
}

func checkParameter(name string) error {
	if name == "" || len(name) > maxPointer {
		return errParameter
	}
	return nil
}

// Segments are those of a pointer that was checked, decoded; none for the whole. An element of a list is * in them; so is a member that is named so.
func Segments(pointer string) []string {
	if pointer == "" {
		return nil
	}
	segs := strings.Split(pointer[1:], "/")
	for i, s := range segs {
		if strings.Contains(s, "~") {
			segs[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
		}
	}
	return segs
}

// All are all fields of the route.
func (r *Route) All() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, fields := range r.places() {
			for _, f := range fields {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// places are the lists of fields of a route.
func (r *Route) places() [][]Field {
	out := [][]Field{r.Request, r.Response, r.Query}
	for _, types := range []map[string][]Field{r.In, r.Out} {
		for _, kind := range slices.Sorted(maps.Keys(types)) {
			out = append(out, types[kind])
		}
	}
	return out
}
