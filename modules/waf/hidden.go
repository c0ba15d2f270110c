package waf

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/wire"
)

// maxHidden is how many hidden headers a request may have: each costs what any header costs, and gw_client's limit does not see them.
const maxHidden = 50

// hiddenHeaders are the headers that the client sent and no handler sees, where the listener wrapper gw_raw_head is in place and
// knows: names with `_` or `.`, which Caddy drops; an empty Host; the Host beside a target that names its own.
func hiddenHeaders(r *http.Request) (hidden []wire.Field) {
	method, target := r.Method, r.RequestURI
	if o, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok { // before directives outside of us rewrote it
		method, target = o.Method, o.RequestURI
	}
	head, _ := wire.Of(r.Context(), method, target, r.Proto)
	for _, f := range head.Fields {
		switch {
		case strings.ContainsAny(f.Name, "_."):
			if _, seen := r.Header[http.CanonicalHeaderKey(f.Name)]; !seen {
				hidden = append(hidden, f)
			}
		case strings.EqualFold(f.Name, "Host") && (f.Value != r.Host || f.Value == ""):
			hidden = append(hidden, f)
		}
	}
	return hidden
}
