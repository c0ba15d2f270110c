package classify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
)

// Bounds of a table. They are far above what an application has, and keep a slip from becoming a load.
const (
	maxRoutes  = 10_000
	maxFields  = 1000 // of one place: a request, an answer, a type of messages
	maxTypes   = 256  // of messages of one socket
	maxPointer = 512  // bytes
	maxName    = 64   // bytes of the name of a class
)

// Table is what is known of all routes. It never changes: another policy has another table. The zero value classifies nothing.
type Table struct {
	router  route.Router[*Route]
	routes  []*Route
	classes map[string]Class
}

// Route is what is known of the fields of one route.
type Route struct {
	Name     string // as the table has it: "POST /api/rooms/{room}/messages"
	Methods  []string
	Path     *route.Pattern
	Request  []Field // of the body: members of JSON, or fields of a form by the same pointers
	Response []Field
	Query    []Field            // the pointer is the parameter's plain name
	In, Out  map[string][]Field // of messages on a socket, by their type
	asked    string             // see Asked
	class    string             // see Class
	encrypts bool
	// See Particular.
	particular bool
}

// Field is one field.
type Field struct {
	Pointer   string // RFC 6901, with the segment * for each element of a list; "" is the whole
	Class     string
	Encrypted bool // its class is
	Masked    bool // its class is
}

// New reads the table of data.fields and the classes of data.classifications, as they are in decoded JSON; nil where the data have none. Its error names
// what of the table is wrong.
func New(fields, classifications any) (*Table, error) {
	t := &Table{classes: map[string]Class{}}
	if err := t.readClasses(classifications); err != nil {
		return nil, fmt.Errorf("classifications: %w", err)
	}
	if fields == nil {
		return t, nil
	}
	routes, ok := fields.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("fields: it is no object of routes")
	}
	if len(routes) > maxRoutes {
		return nil, fmt.Errorf("fields: more than %d routes", maxRoutes)
	}
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		if err := t.add(name, routes[name]); err != nil {
			return nil, fmt.Errorf("fields: %q: %w", name, err)
		}
	}
	return t, nil
}

func (t *Table) add(name string, parts any) error {
	methods, path, ok := strings.Cut(name, " ")
	if !ok {
		return fmt.Errorf("write a method and a path, as \"GET /api/rooms/{room}\"")
	}
	r := &Route{Name: name, Methods: route.ParseMethods(methods)}
	if err := route.CheckMethods(r.Methods); err != nil {
		return err
	}
	var err error
	if r.Path, err = route.ParsePattern(path); err != nil {
		return err
	}
	members, ok := parts.(map[string]any)
	if !ok {
		return fmt.Errorf("it is no object of request, response, query, in and out")
	}
	for _, part := range slices.Sorted(maps.Keys(members)) {
		if err := t.read(r, part, members[part]); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	t.sum(r)
	t.routes = append(t.routes, r)
	if len(r.Methods) == 0 {
		return t.router.Add("", r.Path, name, r)
	}
	for _, m := range r.Methods {
		if err := t.router.Add(m, r.Path, name, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) read(r *Route, part string, v any) (err error) {
	switch part {
	case "request":
		r.Request, err = t.fields(v, CheckPointer)
	case "response":
		r.Response, err = t.fields(v, CheckPointer)
	case "query":
		r.Query, err = t.fields(v, checkParameter)
	case "in":
		r.In, err = t.messages(v)
	case "out":
		r.Out, err = t.messages(v)
	default:
		return fmt.Errorf("it is none of request, response, query, in and out")
	}
	return err
}

func (t *Table) messages(v any) (map[string][]Field, error) {
	types, ok := v.(map[string]any)
	if !ok || len(types) > maxTypes {
		return nil, fmt.Errorf("it is no object of at most %d types of messages", maxTypes)
	}
	out := make(map[string][]Field, len(types))
	for _, kind := range slices.Sorted(maps.Keys(types)) {
		fields, err := t.fields(types[kind], CheckPointer)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", kind, err)
		}
		out[kind] = fields
	}
	return out, nil
}

func (t *Table) fields(v any, check func(string) error) ([]Field, error) {
	members, ok := v.(map[string]any)
	if !ok || len(members) > maxFields {
		return nil, fmt.Errorf("it is no object of at most %d fields", maxFields)
	}
	out := make([]Field, 0, len(members))
	for _, at := range slices.Sorted(maps.Keys(members)) {
		if err := check(at); err != nil {
			return nil, fmt.Errorf("%q: %w", at, err)
		}
		name, ok := members[at].(string)
		class, known := t.classes[name]
		if !ok || !known {
			return nil, fmt.Errorf("%q: its class is none of data.classifications", at)
		}
		out = append(out, Field{Pointer: at, Class: name, Encrypted: class.Encrypted, Masked: class.Masked != ""})
	}
	return out, nil
}

// Find returns the route of a request, nil where the table knows nothing of it. A path that differs from a listed one only in case has the listed one's
// fields: to a server that tells no case it is that one.
func (t *Table) Find(method string, segs []string) *Route {
	if t == nil {
		return nil
	}
	return t.router.Nearest(method, segs)
}

// Routes are all that the table knows, by their names.
func (t *Table) Routes() []*Route {
	if t == nil {
		return nil
	}
	return t.routes
}

// Class is a class by its name; the zero value where it is not described.
func (t *Table) Class(name string) Class {
	if t == nil {
		return Class{}
	}
	return t.classes[name]
}

// Classes are the names of those that are described, the mildest first.
func (t *Table) Classes() []string {
	if t == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(t.classes), func(a, b string) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Compare(a, b)
	})
}
