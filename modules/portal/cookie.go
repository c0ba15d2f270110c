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
)

func cookie(name, value string, maxAge int) *http.Cookie {
	path := "/"
	if name != accessCookie { // what only the portal reads
		path = "/auth"
	}
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func setCookies(w http.ResponseWriter, t *session.Tokens) {
	http.SetCookie(w, cookie(accessCookie, t.Access, seconds(t.AccessExpires)))
	http.SetCookie(w, cookie(refreshCookie, t.Refresh, seconds(t.RefreshExpires)))
}

func clearCookies(w http.ResponseWriter) {
	w.Header().Del("Set-Cookie") // gw_authenticate may have cleared one already
	http.SetCookie(w, cookie(accessCookie, "", -1))
	http.SetCookie(w, cookie(refreshCookie, "", -1))
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

// refreshToken is the refresh cookie. Two of the name are none: a neighbouring host may have planted the other.
func refreshToken(r *http.Request) (token string, ok bool) {
	all := cookies(r, refreshCookie)
	if len(all) != 1 {
		return "", false
	}
	return all[0], all[0] != ""
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
