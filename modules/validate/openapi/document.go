package openapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// Document is what a service takes and gives. It never changes.
type Document struct {
	paths      route.Router[*Path]
	operations int
}

// Path is what can be done at one path.
type Path struct {
	names   []string // of its variables, in order; "" where a segment is none
	Methods map[string]*Operation
	Allow   string // the methods, for the header
}

// Operation is one method at one path.
type Operation struct {
	Name       string // "POST /api/rooms/{room}/messages"
	parameters []*Parameter
	byPlace    [4]map[string]*Parameter
	deep       []*Parameter // of the query, in the style deepObject
	Body       *Body        // nil: none is taken
	responses  map[string]*Response
	Checked    bool    // an answer of it is held to a schema
	Socket     *Socket // nil: it opens none that is described
}

// methods that a path can have in OpenAPI 3.1.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Load reads a document. It fails where the document is not valid, or says what could not be held.
func Load(raw []byte) (*Document, error) {
	root, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	doc, ok := root.(map[string]any)
	if !ok {
		return nil, errVersion
	}
	switch version, _ := doc["openapi"].(string); {
	case strings.HasPrefix(version, "3.1."), version == "3.1":
	case strings.HasPrefix(version, "3.0."), version == "3.0":
		modernize(doc)
	default:
		return nil, errVersion
	}
	if err := valid(raw); err != nil {
		return nil, err
	}
	r := &reader{root: root}
	if r.schemas, err = schema.NewSet(root); err != nil {
		return nil, fmt.Errorf("reading the document's schemas: %w", err)
	}
	return r.document()
}

// valid lets the library that knows the whole of OpenAPI look at the document.
func valid(raw []byte) error {
	loader := openapi3.NewLoader() // which follows no reference out of the document
	doc, err := loader.LoadFromData(raw)
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return fmt.Errorf("the document is not valid: %w", err)
	}
	return nil
}

// document reads all paths.
func (r *reader) document() (*Document, error) {
	top, err := r.object("")
	if err != nil {
		return nil, err
	}
	bases, err := r.bases(top)
	if err != nil {
		return nil, err
	}
	paths, err := top.members("paths")
	if err != nil {
		return nil, err
	}
	d := new(Document)
	for _, template := range slices.Sorted(maps.Keys(paths)) {
		s, err := r.object(paths[template])
		if err != nil {
			return nil, err
		}
		for _, base := range bases {
			if err := r.path(d, s, base+template); err != nil {
				return nil, err
			}
		}
	}
	if d.operations == 0 {
		return nil, errors.New("the document describes no operation")
	}
	return d, nil
}

// bases are the paths of the servers, below which all others stand.
func (r *reader) bases(top spot) ([]string, error) {
	servers, err := top.list("servers")
	if err != nil {
		return nil, err
	}
	var bases []string
	for _, at := range servers {
		s, err := r.object(at)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(s.string("url"))
		if err != nil || strings.ContainsAny(u.Path, "{}") {
			return nil, s.errorf("the path of a server must be plain")
		}
		if base := strings.TrimSuffix(u.Path, "/"); !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	if len(bases) == 0 {
		bases = []string{""}
	}
	return bases, nil
}

// path reads one path with its methods.
func (r *reader) path(d *Document, s spot, template string) error {
	if s.obj["servers"] != nil {
		return s.errorf("servers of a single path are not supported")
	}
	p, pattern, err := pathOf(template)
	if err != nil {
		return s.errorf("%w", err)
	}
	shared, err := s.list("parameters")
	if err != nil {
		return err
	}
	for _, method := range methods {
		if _, ok := s.obj[method]; !ok {
			continue
		}
		o, err := r.object(s.below(method))
		if err != nil {
			return err
		}
		op, err := r.operation(o, shared)
		if err != nil {
			return err
		}
		op.Name = strings.ToUpper(method) + " " + template
		if err := op.fits(p); err != nil {
			return o.errorf("%w", err)
		}
		p.Methods[strings.ToUpper(method)] = op
		d.operations++
	}
	p.Allow = strings.Join(slices.Sorted(maps.Keys(p.Methods)), ", ")
	return d.paths.Add("", pattern, template, p)
}

// pathOf reads a template, whose variables may have any name.
func pathOf(template string) (*Path, *route.Pattern, error) {
	p := &Path{Methods: map[string]*Operation{}}
	segs := strings.Split(strings.TrimPrefix(template, "/"), "/")
	if n := len(segs); n > 0 && segs[n-1] == "" {
		segs = segs[:n-1]
	}
	for i, s := range segs {
		name := ""
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && strings.Count(s, "{") == 1 {
			name = s[1 : len(s)-1]
			segs[i] = fmt.Sprintf("{v%d}", i)
		}
		p.names = append(p.names, name)
	}
	pattern, err := route.ParsePattern("/" + strings.Join(segs, "/"))
	return p, pattern, err
}

// Find gives the path of a request, nil where the document has none. segs are those of route.Segments.
func (d *Document) Find(segs []string) (*Path, error) { return d.paths.Find("", segs) }

// Operation gives what is described of a method, nil where nothing is. HEAD is GET where nothing else is said of it.
func (p *Path) Operation(method string) *Operation {
	if op := p.Methods[method]; op != nil || method != "HEAD" {
		return op
	}
	return p.Methods["GET"]
}

// Operations counts them.
func (d *Document) Operations() int { return d.operations }
