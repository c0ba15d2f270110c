package route

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// A request is decided on what the back end will see, so what two servers may read differently is refused (400) before any
// rule is looked at: two slashes, dots and their encodings, encoded slashes, back slashes, path parameters, control characters,
// bytes that are not UTF-8, what would decode twice, and ends that Windows cuts off.
var (
	// ErrCase says that no route matches, but that one would for a server that tells no case.
	ErrCase = errors.New("the path differs from a route only in upper and lower case")

	errPathForm     = errors.New("the path does not begin with a slash")
	errPathEncoding = errors.New("the path is not well encoded")
	errPathEmpty    = errors.New("the path has two slashes together")
	errPathDots     = errors.New("the path has a dot segment, or one that ends in a dot or a space")
	errPathChar     = errors.New("the path holds a character that servers read differently")
	errPathUTF8     = errors.New("the path is not UTF-8")
	errPathTwice    = errors.New("the path is encoded twice")
	errMethod       = errors.New("the method is not in upper case")
	errTunnel       = errors.New("the request asks for a tunnel that is no WebSocket")
)

// Segments returns the decoded segments of the path that the back end will see, never nil. A slash at the end counts for nothing.
func Segments(u *url.URL) ([]string, error) {
	p := u.EscapedPath() // what the reverse proxy sends
	if u.Opaque != "" || !strings.HasPrefix(p, "/") {
		return nil, errPathForm
	}
	if p = strings.TrimSuffix(p[1:], "/"); p == "" {
		if u.EscapedPath() == "//" {
			return nil, errPathEmpty
		}
		return []string{}, nil
	}
	segs := make([]string, 0, 1+strings.Count(p, "/"))
	for more := true; more; {
		var raw string
		raw, p, more = strings.Cut(p, "/")
		s, err := url.PathUnescape(raw)
		if err != nil {
			return nil, errPathEncoding
		}
		if err := checkSegment(s); err != nil {
			return nil, err
		}
		segs = append(segs, s)
	}
	return segs, nil
}

func checkSegment(s string) error {
	switch {
	case s == "":
		return errPathEmpty
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " "):
		return errPathDots
	case !utf8.ValidString(s):
		return errPathUTF8
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == ';':
			return errPathChar
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			return errPathTwice
		}
	}
	return nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// CheckRequest refuses what is no plain request for a path.
func CheckRequest(r *http.Request) error {
	for i := range len(r.Method) {
		// "delete" is no DELETE to a rule, but is to some servers.
		if c := r.Method[i]; (c < 'A' || c > 'Z') && c != '-' {
			return errMethod
		}
	}
	if r.Method == http.MethodConnect || wsframe.Upgrading(r) && !wsframe.IsHandshake(r) {
		return errTunnel
	}
	return nil
}

// Hostname is the host as rules see it: lower case, without port and trailing dot.
func Hostname(host string) string {
	u := url.URL{Host: host}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}
