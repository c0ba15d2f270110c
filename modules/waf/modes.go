package waf

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ModeAt is another mode at some paths.
type ModeAt struct {
	Mode string        `json:"mode"`
	At   []PathPattern `json:"at"`
}

func (m ModeAt) validate() error {
	if m.Mode != Block && m.Mode != Detect && m.Mode != Off {
		return fmt.Errorf("mode %q: it is block, detect or off", m.Mode)
	}
	if len(m.At) == 0 {
		return fmt.Errorf("mode %s: no path follows at", m.Mode)
	}
	return validatePaths(m.At)
}

// modeRoute is a ModeAt that is loaded.
type modeRoute struct {
	path    *regexp.Regexp
	handler *Handler
}

// variants gives the handler of each mode that is asked for: h itself for its own.
func (h *Handler) variants() (byMode map[string]*Handler, routes []modeRoute, err error) {
	byMode = map[string]*Handler{h.Mode: h}
	for _, m := range h.Modes {
		if byMode[m.Mode] == nil {
			v := *h
			v.Mode, v.Modes = m.Mode, nil
			byMode[m.Mode] = &v
		}
		path, err := regexp.Compile(expressionOf(m.At))
		if err != nil {
			return nil, nil, fmt.Errorf("mode %s at %v: %w", m.Mode, m.At, err)
		}
		routes = append(routes, modeRoute{path, byMode[m.Mode]})
	}
	return byMode, routes, nil
}

// of gives the handler in the mode of the request's path: the first that names it, else h.
func (h *Handler) of(r *http.Request) *Handler {
	if len(h.routes) == 0 {
		return h
	}
	path := askedPath(r)
	for _, m := range h.routes {
		if m.path.MatchString(path) {
			return m.handler
		}
	}
	return h
}

// askedPath is the decoded path as the client sent it, which exclusions go by, too: before any rewrite.
func askedPath(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL.Path
	}
	return r.URL.Path
}
