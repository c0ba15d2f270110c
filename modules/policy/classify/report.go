package classify

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
)

// Report says what of what is there the table does not name.
type Report struct {
	Routes       []RouteReport  `json:"routes"`       // of the table
	Classes      map[string]int `json:"classes"`      // fields of each class
	Unclassified []Missing      `json:"unclassified"` // described or seen, and not in the table
	Stale        []Missing      `json:"stale"`        // in the table, and not described
}

// RouteReport is one route of the table.
type RouteReport struct {
	Route     string         `json:"route"`
	Class     string         `json:"class"` // the strictest; "" it has no fields
	Fields    map[string]int `json:"fields"`
	Encrypted int            `json:"encrypted"`
}

// Missing is a place that one side knows and the other does not.
type Missing struct {
	Route   string `json:"route"`
	Part    string `json:"part"` // request, response, query, in, out; "" the whole route
	Type    string `json:"type,omitempty"`
	Pointer string `json:"pointer"`
}

// NewReport compares the table with documents, and with routes that were seen, as "GET /api/rooms/7".
func NewReport(t *Table, documents []Described, seen []string) *Report {
	r := &Report{Routes: []RouteReport{}, Classes: map[string]int{}, Unclassified: []Missing{}, Stale: []Missing{}}
	for _, name := range t.Classes() {
		r.Classes[name] = 0
	}
	for _, rt := range t.Routes() {
		one := RouteReport{Route: rt.Name, Class: rt.Class(), Fields: map[string]int{}}
		for f := range rt.All() {
			one.Fields[f.Class]++
			r.Classes[f.Class]++
			if f.Encrypted {
				one.Encrypted++
			}
		}
		r.Routes = append(r.Routes, one)
	}
	known := map[*Route]bool{}
	for _, d := range documents {
		r.compare(t, d, known)
	}
	r.unseen(t, seen)
	slices.SortFunc(r.Unclassified, byPlace)
	slices.SortFunc(r.Stale, byPlace)
	r.Unclassified = slices.Compact(r.Unclassified)
	return r
}

func byPlace(a, b Missing) int {
	return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Part, b.Part), strings.Compare(a.Type, b.Type), strings.Compare(a.Pointer, b.Pointer))
}

// find is the route of a path, as an operation has it or as it was seen.
func find(t *Table, method, path string) (found *Route, readable bool) {
	segs, err := route.Segments(&url.URL{Path: path})
	if err != nil {
		return nil, false
	}
	return t.Find(method, segs), true
}

func (r *Report) compare(t *Table, d Described, known map[*Route]bool) {
	name := d.Method + " " + d.Path
	rt, _ := find(t, d.Method, d.Path)
	if rt == nil {
		r.Unclassified = append(r.Unclassified, Missing{Route: name})
		return
	}
	first := !known[rt] // of several operations that share a route, the first tells what it has too much
	known[rt] = true
	both := func(part, kind string, fields []Field, described []string) {
		for _, p := range described {
			if !names(fields, p) {
				r.Unclassified = append(r.Unclassified, Missing{name, part, kind, p})
			}
		}
		for _, f := range fields {
			if first && !slices.ContainsFunc(described, func(p string) bool { return within(p, f.Pointer) || within(f.Pointer, p) }) {
				r.Stale = append(r.Stale, Missing{name, part, kind, f.Pointer})
			}
		}
	}
	both("request", "", rt.Request, d.Request)
	both("response", "", rt.Response, d.Response)
	both("query", "", rt.Query, d.Query)
	for _, kind := range union(rt.In, d.In) {
		both("in", kind, rt.In[kind], d.In[kind])
	}
	for _, kind := range union(rt.Out, d.Out) {
		both("out", kind, rt.Out[kind], d.Out[kind])
	}
}

func union(a map[string][]Field, b map[string][]string) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, list := range [][]string{slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))} {
			for _, kind := range list {
				if !yield(kind) {
					return
				}
			}
		}
	}))
}

// names tells whether a field is, or holds, what is at the pointer.
func names(fields []Field, pointer string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return within(pointer, f.Pointer) })
}

// within tells whether a pointer leads to what the other leads to, or into it.
func within(pointer, other string) bool {
	rest, ok := strings.CutPrefix(pointer, other)
	return ok && (rest == "" || rest[0] == '/')
}

func (r *Report) unseen(t *Table, seen []string) {
	for _, s := range seen {
		method, path, _ := strings.Cut(s, " ")
		if rt, readable := find(t, method, path); rt == nil && readable {
			r.Unclassified = append(r.Unclassified, Missing{Route: s})
		}
	}
}
