package portal

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// safeReturn reads where to go after the login: a path of this site with its query, written anew, or home. Browsers drop tabs and line
// breaks from addresses, read \ as /, and take what begins with // for another host (WHATWG URL), so none of these passes.
func safeReturn(s, home string) string {
	if len(s) > 2048 || !strings.HasPrefix(s, "/") || !utf8.ValidString(s) {
		return home
	}
	for _, c := range s {
		if c <= 0x20 || c == '\\' || 0x7f <= c && c < 0xa0 {
			return home
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return home
	}
	// Built from the decoded path, so that only one reading of it is left.
	clean := (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
	if !strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, "//") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `/\`) {
		return home
	}
	// Browsers take ".." for the folder above, however it is spelled, and so would reach what is ruled out below.
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return home
		}
	}
	// The login page leads nowhere, the API is no place to be, and nobody is sent on to a provider who did not ask for it.
	for _, no := range []string{"/auth/api/", "/auth/oidc/", "/auth/oauth/"} {
		if strings.HasPrefix(u.Path, no) {
			return home
		}
	}
	if u.Path == "/auth" || u.Path == "/auth/" || u.Path == "/auth/login" {
		return home
	}
	return clean
}
