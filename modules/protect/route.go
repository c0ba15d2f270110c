package protect

import (
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/record"
)

// Route says which records requests for a path bring, and which their answers hold.
type Route struct {
	// "GET", …; none means all. HEAD is GET.
	Methods []string `json:"methods,omitempty"`

	// "/api/rooms/{room}"; {name...} at the end takes the rest.
	Path string `json:"path"`

	// The records.
	Records []record.Spec `json:"records,omitempty"`

	// Numbers in answers that tell how long an encrypted file is, as JSON pointers: they become the length of the file itself.
	Sizes []string `json:"sizes,omitempty"`

	// Parameters of the query in whose place the back end gets their blind index.
	Query []QueryIndex `json:"query,omitempty"`
}

// QueryIndex is a parameter of the query by which people search an encrypted field.
type QueryIndex struct {
	// The parameter.
	Name string `json:"name"`

	// The member whose index it is compared with. Default: the same name.
	Member string `json:"member,omitempty"`

	// The key set, of variables of the path.
	KeySet string `json:"key_set"`
}

// place is a Route ready for use. It never changes.
type place struct {
	name    string
	pattern *route.Pattern
	records []record.Spec
	sizes   []string
	query   []queryIndex
	sealing *record.Plan // by the configuration alone
	opening *record.Plan
}

type router = route.Router[*place]

func (rt Route) name() string {
	if len(rt.Methods) == 0 {
		return "* " + rt.Path
	}
	return strings.Join(rt.Methods, ",") + " " + rt.Path
}

func (rt Route) compile() (*place, error) {
	p, err := route.ParsePattern(rt.Path)
	if err != nil {
		return nil, err
	}
	c := &place{name: rt.name(), pattern: p, records: rt.Records, sizes: rt.Sizes}
	if len(rt.Records)+len(rt.Query)+len(rt.Sizes) == 0 {
		return nil, fmt.Errorf("route %s: it names no record", c.name)
	}
	if c.sealing, err = record.Compile(rt.Records, record.Request, nil, p.Has); err == nil {
		c.opening, err = record.Compile(rt.Records, record.Answer, nil, p.Has)
	}
	if err == nil {
		c.opening, err = c.opening.WithSizes(rt.Sizes)
	}
	if err == nil {
		c.query, err = compileQuery(rt.Query, p)
	}
	if err != nil {
		return nil, fmt.Errorf("route %s: %w", c.name, err)
	}
	return c, nil
}

// vars are the variables of a path that matched.
func (p *place) vars(segs []string) record.Vars {
	return func(name string) (string, bool) { return p.pattern.Value(name, segs) }
}

// compileRoutes makes the router.
func compileRoutes(routes []Route) (*router, error) {
	rt := new(router)
	for _, r := range routes {
		if err := route.CheckMethods(r.Methods); err != nil {
			return nil, err
		}
		p, err := r.compile()
		if err != nil {
			return nil, err
		}
		methods := r.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, m := range methods {
			if err := rt.Add(m, p.pattern, p.name, p); err != nil {
				return nil, err
			}
		}
	}
	return rt, nil
}
