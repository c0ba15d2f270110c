package authorize

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/route"
)

// Route says what requests for a path need, and what their answers bring about.
type Route struct {
	// "GET", …; none means all. HEAD is decided as GET.
	Methods []string `json:"methods,omitempty"`

	// "/api/rooms/{room}"; {name...} at the end takes the rest.
	Path string `json:"path"`

	Rule

	// The policy sees the JSON of requests.
	Body *Body `json:"body,omitempty"`

	// What of a list in the answer the person may have.
	Filter *Filter `json:"filter,omitempty"`

	// Lists of ids that the back end is told in headers.
	IDs []IDs `json:"ids,omitempty"`

	// What answers change.
	On []Effect `json:"on,omitempty"`
}

// What routes that are not listed need: that somebody is signed in.
const (
	defaultRead  = "app:read"
	defaultWrite = "app:write"
)

// permissionPublic is asked for by routes that need nobody signed in.
const permissionPublic = "public"

// compiled is a Route, or the handshake of a Socket, ready for use. It never changes.
type compiled struct {
	name    string // "GET /api/rooms/{room}", for events and metrics
	pattern *route.Pattern
	rule    rule
	body    int64 // bytes of it that the policy sees; 0 none
	filter  *filter
	ids     []IDs
	effects effects
	socket  *socket
}

// unlisted are the routes for what no route matches.
var (
	unlistedRead  = &compiled{pattern: new(route.Pattern), rule: rule{permission: defaultRead}}
	unlistedWrite = &compiled{pattern: new(route.Pattern), rule: rule{permission: defaultWrite}}
)

func unlisted(method string) *compiled {
	if method == http.MethodGet || method == http.MethodHead {
		return unlistedRead
	}
	return unlistedWrite
}

func (rt Route) compile() (*compiled, error) {
	p, err := route.ParsePattern(rt.Path)
	if err != nil {
		return nil, err
	}
	r := &compiled{pattern: p, name: strings.Join(rt.Methods, ",") + " " + rt.Path}
	if len(rt.Methods) == 0 {
		r.name = "* " + rt.Path
	}
	if r.body, err = rt.Body.max(); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.name, err)
	}
	asked := func(name string) bool {
		member, ok := strings.CutPrefix(name, requestJSON)
		return ok && member != "" && r.body > 0 || p.Has(name)
	}
	if r.rule, err = rt.Rule.compile(asked); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.name, err)
	}
	if rt.Filter != nil {
		if r.filter, err = rt.Filter.compile(); err != nil {
			return nil, fmt.Errorf("route %s: %w", r.name, err)
		}
	}
	if err := checkIDs(rt.IDs); err != nil {
		return nil, fmt.Errorf("route %s: %w", r.name, err)
	}
	r.ids = rt.IDs
	known := func(name string) bool {
		path, ok := strings.CutPrefix(name, responseJSON)
		return ok && path != "" || asked(name)
	}
	for _, e := range rt.On {
		c, err := e.compile(known, asked)
		if err == nil {
			err = checkStatus(e.Status)
		}
		if err != nil {
			return nil, fmt.Errorf("route %s: on %d: %w", r.name, e.Status, err)
		}
		r.effects = append(r.effects, c)
	}
	return r, nil
}

// requestJSON is what names a member of the request's body.
const requestJSON = "http.gw.request.json."

// vars are the variables that the path and the body give.
func (r *compiled) vars(segs []string, body *sent) values {
	return func(name string) (string, error) {
		if member, ok := strings.CutPrefix(name, requestJSON); ok {
			return body.member(member)
		}
		if s, ok := r.pattern.Value(name, segs); ok {
			return s, nil
		}
		return "", errValue
	}
}

// treat tells what becomes of an answer. masked tells that the policy asks for masks.
func (r *compiled) treat(method string, masked bool) func(status int) treatment {
	return func(status int) treatment {
		success := status >= 200 && status <= 299
		if on, _ := r.effects.on(status); on && success && method != http.MethodHead {
			return hold
		}
		switch {
		case status == http.StatusNoContent, status == http.StatusNotModified, status < 200:
			return pass
		case status == http.StatusResetContent && (r.filter != nil || masked):
			return bare // it has no body, but nothing keeps one from being sent
		case status == http.StatusResetContent:
			return pass
		case r.filter != nil && status == http.StatusOK:
			return change
		case r.filter != nil && success:
			// A list in another kind of success (206, 203) would pass unfiltered: fail closed.
			return refuse
		case masked && status == http.StatusPartialContent:
			return refuse // of a part nobody knows where it belongs: fail closed
		case masked:
			return change
		}
		return pass
	}
}

// router finds what a request needs.
type router struct {
	route.Router[*compiled]
	// Headers that routes tell the back end lists of ids in, folded.
	reserved []string
}

// compileRoutes makes the router.
func compileRoutes(routes []Route, sockets []Socket) (*router, error) {
	rt := &router{}
	rt.reserve(routes)
	for _, r := range routes {
		if err := route.CheckMethods(r.Methods); err != nil {
			return nil, err
		}
		c, err := r.compile()
		if err != nil {
			return nil, err
		}
		methods := r.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, m := range methods {
			if err := rt.Add(m, c.pattern, c.name, c); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range sockets {
		c, err := s.compile()
		if err != nil {
			return nil, err
		}
		if err := rt.Add(http.MethodGet, c.pattern, c.name, c); err != nil {
			return nil, err
		}
	}
	return rt, nil
}
