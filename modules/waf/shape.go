package waf

import (
	"net"
	"net/http"
	"strings"
)

// malformed tells of a request that net/http lets pass and that has no one meaning: a target with a fragment, which RFC 9112 (section
// 3.2) has no place for and which one reader cuts off and another takes for path; a host that is empty, which RFC 9110
// (section 4.2.1) has refused, or percent-encoded, which is no name of a site; a CONNECT without a port (section 9.3.6).
// It is refused after the rules have seen it, so that the event tells what else it held.
func malformed(r *http.Request) bool {
	if strings.Contains(r.RequestURI, "#") || strings.Contains(r.Host, "%") {
		return true
	}
	if r.ProtoMajor != 1 {
		return false
	}
	if r.Method == http.MethodConnect {
		_, port, err := net.SplitHostPort(r.RequestURI)
		return err != nil || port == ""
	}
	return r.Host == "" && r.ProtoMinor > 0
}
