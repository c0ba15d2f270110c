package authenticate

import (
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/internal/cookie"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	accessCookie = "__Host-gw_access"
	maxToken     = 8 << 10
)

// credential is what a request brought to show who is calling.
type credential struct {
	token  string // "" where it is malformed
	cookie bool   // it came in the cookie, else in Authorization
	status int    // what a malformed one is answered with; 0: it is well-formed
}

// take reads the credential, nil where there is none, and removes it from the headers: no back end sees a token. The gateway's
// other cookies are removed with it, but for the portal, whose they are.
func take(h http.Header, portal bool) *credential {
	auth := h["Authorization"]
	delete(h, "Authorization")
	access, found := takeCookies(h, portal)
	if len(auth) > 0 {
		c := &credential{}
		c.token, c.status = bearer(auth)
		return c
	}
	if !found {
		return nil
	}
	c := &credential{cookie: true, status: http.StatusUnauthorized}
	// Tokens for programs are none for browsers: who planted one in somebody's cookies would have them act as its owner.
	if len(access) == 1 && isToken(access[0]) && !apitoken.Is(access[0]) {
		c.token, c.status = access[0], 0
	}
	return c
}

// bearer reads Authorization as RFC 6750 section 2.1 has it.
func bearer(values []string) (token string, status int) {
	if len(values) != 1 {
		return "", http.StatusBadRequest
	}
	scheme, token, ok := strings.Cut(strings.Trim(values[0], " \t"), " ")
	token = strings.Trim(token, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !isToken(token) {
		return "", http.StatusUnauthorized
	}
	return token, 0
}

// isToken tells the shape of a JWT in compact form, and of the tokens that are none: anything else need not be looked at.
func isToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// isOurs tells the gateway's cookies, which are nobody's business but the portal's; clearances are gw_rate_limit's, which takes them out.
func isOurs(name string) bool {
	return name != reqctx.ClearanceCookie && (strings.HasPrefix(name, "__Host-gw_") || strings.HasPrefix(name, "__Secure-gw_"))
}

// takeCookies reads the access cookie, and removes it and, but for the portal, all others of the gateway. It returns the values of all access cookies.
func takeCookies(h http.Header, portal bool) (access []string, found bool) {
	lines := h["Cookie"]
	ours := false
	for _, line := range lines {
		ours = ours || strings.Contains(line, "gw_")
	}
	if !ours {
		return nil, false
	}
	cookie.Take(h, func(name, value string) bool {
		if name == accessCookie {
			access, found = append(access, value), true
			return true
		}
		return !portal && isOurs(name)
	})
	return access, found
}

// clearAccess has the browser forget the access cookie.
func clearAccess(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: accessCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// isPortal tells the portal's paths, on which a bad cookie counts as none.
func isPortal(path string) bool { return path == "/auth" || strings.HasPrefix(path, "/auth/") }
