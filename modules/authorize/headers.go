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

// taken out of every request in all spellings: who the user is, and what makes some servers believe in another path or method
// than the one that was decided. gw_client takes out more, and earlier; these no decision can do without where it stands alone.
var taken = map[string]bool{
	"x-gateway-assertion": true, "x-user-id": true, "x-user-name": true, "x-user-roles": true,
	"x-method": true, "x-method-override": true, "x-http-method": true, "x-http-method-override": true, "x-original-method": true, "x-forwarded-method": true,
	"x-original-url": true, "x-original-uri": true, "x-rewrite-url": true, "x-forwarded-uri": true,
}

// longestTaken is what configuration may name at most.
const longestTaken = 64 + len(moreSuffix)

// forward returns the request as the back end shall see it. Its headers are a copy: what stands further out (an access log)
// never gets to see the assertion. reserved are further headers, folded, that are no client's to send.
func forward(r *http.Request, id *reqctx.Identity, assertion string, reserved ...string) *http.Request {
	out := r.WithContext(r.Context())
	out.Header = r.Header.Clone()
	for k := range out.Header {
		if isTaken(k, reserved...) {
			delete(out.Header, k)
		}
	}
	keepEndToEnd(out.Header, reserved)
	out.Header[headerAssertion] = []string{assertion}
	if id != nil {
		out.Header[headerID] = []string{id.Subject}
		out.Header[headerName] = []string{id.Name}
		out.Header[headerRoles] = []string{strings.Join(id.Roles, ",")}
	}
	return out
}

// isTaken reads a name without case, and with every sign as -, since CGI, WSGI and PHP fold them into one another.
func isTaken(name string, reserved ...string) bool {
	if len(name) > longestTaken || name == "" || name[0]|0x20 != 'x' {
		return false
	}
	var space [longestTaken]byte
	folded := foldBytes(space[:0], name)
	if taken[string(folded)] {
		return true
	}
	for _, r := range reserved {
		if string(folded) == r {
			return true
		}
	}
	return false
}

func foldBytes(to []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		default:
			c = '-'
		}
		to = append(to, c)
	}
	return to
}

func foldHeader(name string) string { return string(foldBytes(nil, name)) }

// keepEndToEnd takes our headers out of Connection, where a client could have the proxy drop them.
func keepEndToEnd(h http.Header, reserved []string) {
	values := h["Connection"]
	var kept []string
	dropped := false
	for _, v := range values {
		for _, token := range strings.Split(v, ",") {
			if token = strings.TrimSpace(token); isTaken(token, reserved...) {
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
