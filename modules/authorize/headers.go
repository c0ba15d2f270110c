package authorize

import (
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// What the back end is told. Nothing of it is ever taken from the client.
const (
	headerAssertion = "X-Gateway-Assertion"
	headerID        = "X-User-Id"
	headerName      = "X-User-Name"
	headerRoles     = "X-User-Roles"
)

// taken out of every request, with _ or . for - too: who the user is, and what makes some servers believe in another method
// than the one that was decided.
var taken = map[string]bool{
	"x-gateway-assertion": true, "x-user-id": true, "x-user-name": true, "x-user-roles": true,
	"x-http-method-override": true, "x-http-method": true, "x-method-override": true,
}

// forward returns the request as the back end shall see it. Its headers are a copy: what stands further out (an access log)
// never gets to see the assertion.
func forward(r *http.Request, id *reqctx.Identity, assertion string) *http.Request {
	out := r.WithContext(r.Context())
	out.Header = r.Header.Clone()
	for k := range out.Header {
		if isTaken(k) {
			delete(out.Header, k)
		}
	}
	keepEndToEnd(out.Header)
	out.Header[headerAssertion] = []string{assertion}
	if id != nil {
		out.Header[headerID] = []string{id.Subject}
		out.Header[headerName] = []string{id.Name}
		out.Header[headerRoles] = []string{strings.Join(id.Roles, ",")}
	}
	return out
}

func isTaken(name string) bool {
	if len(name) < 9 || len(name) > 22 || name[0]|0x20 != 'x' {
		return false
	}
	return taken[strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))]
}

// keepEndToEnd takes our headers out of Connection, where a client could have the proxy drop them.
func keepEndToEnd(h http.Header) {
	values := h["Connection"]
	var kept []string
	dropped := false
	for _, v := range values {
		for _, token := range strings.Split(v, ",") {
			if token = strings.TrimSpace(token); isTaken(token) {
				dropped = true
			} else {
				kept = append(kept, token)
			}
		}
	}
	if dropped {
		h["Connection"] = []string{strings.Join(kept, ", ")}
	}
}
