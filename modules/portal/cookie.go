package portal

import (
	"net/http"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/session"
)

// The prefixes make browsers hold them to Secure and, for __Host-, to this one host (RFC 6265bis section 4.1.3).
const (
	accessCookie  = "__Host-gw_access"
	refreshCookie = "__Secure-gw_refresh"
	deviceCookie  = "__Secure-gw_device"

	// Tells which session's refresh cookie is the browser's own. No neighbouring host can plant one of this name, as it can a refresh cookie: so nobody is
	// taken into somebody else's session by it, and nobody loses the own one to it. It holds the session's id, which is no secret.
	sessionCookie = "__Host-gw_session"
)

func cookie(name, value string, maxAge int) *http.Cookie {
	path := "/"
	if !strings.HasPrefix(name, "__Host-") { // what only the portal reads
		path = "/auth"
	}
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func setCookies(w http.ResponseWriter, t *session.Tokens) {
	http.SetCookie(w, cookie(accessCookie, t.Access, seconds(t.AccessExpires)))
	http.SetCookie(w, cookie(refreshCookie, t.Refresh, seconds(t.RefreshExpires)))
	http.SetCookie(w, cookie(sessionCookie, sessionOf(t.Refresh), seconds(t.RefreshExpires)))
}

func clearCookies(w http.ResponseWriter) {
	w.Header().Del("Set-Cookie") // gw_authenticate may have cleared one already
	http.SetCookie(w, cookie(accessCookie, "", -1))
	http.SetCookie(w, cookie(refreshCookie, "", -1))
	http.SetCookie(w, cookie(sessionCookie, "", -1))
}

// setDevice lets the browser be known again. It outlives a logout: it gives no right, but spares the owner waiting behind who guesses
// the password.
func setDevice(w http.ResponseWriter, res session.Result) {
	if res.Device != "" {
		http.SetCookie(w, cookie(deviceCookie, res.Device, seconds(res.DeviceExpires)))
	}
}

// seconds until t, at least one: 0 would mean a cookie for as long as the browser runs.
func seconds(t time.Time) int { return max(1, int(time.Until(t).Seconds())) }

// sessionOf is the id that a refresh token begins with.
func sessionOf(refresh string) string {
	sid, _, _ := strings.Cut(refresh, ".")
	return sid
}

// refreshToken is the refresh cookie of the session that the browser was signed in to here. Others, which a neighbouring host may have planted, are passed over.
func refreshToken(r *http.Request) (token string, ok bool) {
	own := cookies(r, sessionCookie)
	if len(own) != 1 || own[0] == "" {
		return "", false
	}
	for _, one := range cookies(r, refreshCookie) {
		if sessionOf(one) != own[0] {
			continue
		}
		if ok {
			return "", false // which of them is right would be chance
		}
		token, ok = one, true
	}
	return token, ok
}

// devices is the device cookie, or several joined: each holds secrets that match or don't, so a planted one does nothing.
func devices(r *http.Request) string { return strings.Join(cookies(r, deviceCookie), "~") }

func cookies(r *http.Request, wanted string) (values []string) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			if strings.Trim(name, " \t") == wanted {
				values = append(values, strings.Trim(value, " \t"))
			}
		}
	}
	return values
}
