package validate

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// ServeHTTP looks at the request, then passes it on whole, or answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Validate, next)
	defer rc.Cost.End()
	op, free, ok := h.request(w, r, rc)
	defer free()
	if !ok {
		return nil // it was answered
	}
	if wsframe.IsHandshake(r) {
		var s *socket
		w, r, s = h.watch(w, r, rc, op)
		defer s.end()
	}
	if op != nil && h.Responses != Off {
		return h.respond(w, r, rc, op, next)
	}
	return next.ServeHTTP(w, r)
}

// request holds a request to the document, where there is one that speaks for it, and to what is asked of all JSON. ok tells that it passes on: with
// a body that can be read from its beginning. free must be called when the request has ended.
func (h *Handler) request(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (op *openapi.Operation, free func(), ok bool) {
	path, op, segs, found := h.find(r)
	free = func() {}
	if h.Requests == Off {
		return op, free, true
	}
	if len(found) == 0 && op != nil {
		found = op.Parameters(path, r, segs)
	}
	if len(found) > 0 && h.Requests == Enforce {
		if found[0].Kind == kindMethod {
			w.Header().Set("Allow", path.Allow)
		}
		return op, free, h.judge(w, r, rc, found)
	}
	b, err := h.body(w, r, rc, op)
	if err != nil { // fail closed, also in the mode report: what can't be read can't be passed on whole
		h.unread(w, r, err)
		return op, b.free, false
	}
	return op, b.free, h.judge(w, r, rc, append(found, b.faults...))
}

// find looks for what is described of a request. Outside of the document's scope there is nothing to find.
func (h *Handler) find(r *http.Request) (path *openapi.Path, op *openapi.Operation, segs []string, found []openapi.Fault) {
	if h.document == nil {
		return nil, nil, nil, nil
	}
	segs, err := route.Segments(r.URL)
	if err == nil && len(h.Scope) > 0 {
		var inside bool
		if inside, err = h.scope.Find("", segs); err == nil && !inside {
			return nil, nil, nil, nil
		}
	}
	if err == nil {
		path, err = h.document.Find(segs)
	}
	switch {
	case err != nil:
		return nil, nil, nil, []openapi.Fault{fault(openapi.InPath, kindAmbiguous, "is one that servers read differently")}
	case path == nil:
		return nil, nil, nil, []openapi.Fault{fault(openapi.InPath, kindPath, "is not described")}
	}
	op = path.Operation(r.Method)
	if op == nil && (r.Method != http.MethodOptions || brings(r)) { // a question what can be done there may be asked
		return path, nil, nil, []openapi.Fault{fault(openapi.InPath, kindMethod, "does not have the method")}
	}
	return path, op, segs, nil
}

// brings tells whether a request may have a body.
func brings(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}
