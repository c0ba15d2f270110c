package client

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Names that are not the client's to send, in the spelling that fold gives.
var (
	// Who the user is: the gateway's own, and what other proxies and log-in programs tell a back end.
	identityNames = []string{
		"x-user-*", "x-gateway-*",
		"remote-user", "remote-groups", "remote-name", "remote-email", "x-remote-user", "x-remote-group", "x-auth-request-*",
		"x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token",
	}
	// What makes some back ends believe in another path or method than the one that was decided.
	overrideNames = []string{
		"x-original-url", "x-original-uri", "x-original-method", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-method",
		"x-method", "x-method-override", "x-http-method", "x-http-method-override",
	}
	// Who called a proxy, and how. X-Forwarded-For, -Proto and -Host are set anew by Caddy's proxy in their usual spelling only.
	proxyNames = []string{
		"forwarded", "x-forwarded-*", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "cf-connecting-ip", "early-data",
		// The client's TLS certificate: RFC 9440, and as proxies and clouds write it.
		"client-cert", "client-cert-chain", "x-client-cert*", "ssl-client-*", "x-ssl-client-*", "x-ssl-cert", "x-arr-clientcert", "x-amzn-mtls-*",
	}
)

// claim is what a header says that its sender may have no right to say; of two, the greater counts.
type claim uint8

const (
	claimNothing  claim = iota
	claimProxy          // for trusted proxies to say
	claimOverride       // for nobody to say
	claimIdentity       // for the gateway to say
	claims              // how many there are
)

// names tells what header names claim, in all their spellings.
type names struct {
	exact    map[string]claim
	prefixes []prefix
}

type prefix struct {
	folded string
	claim  claim
}

// newNames makes the set of the names above and of more, which are the gateway's to say; a trailing * makes a prefix.
func newNames(more []string) names {
	n := names{exact: map[string]claim{}}
	n.add(claimProxy, proxyNames)
	n.add(claimOverride, overrideNames)
	n.add(claimIdentity, identityNames)
	n.add(claimIdentity, more)
	return n
}

func (n *names) add(c claim, list []string) {
	for _, name := range list {
		if p, ok := strings.CutSuffix(name, "*"); ok {
			n.prefixes = append(n.prefixes, prefix{fold(p), c})
		} else {
			folded := fold(name)
			n.exact[folded] = max(c, n.exact[folded])
		}
	}
}

// claim is what a back end could read name as.
func (n names) claim(name string) claim {
	var buf [64]byte
	folded := appendFolded(buf[:0], name)
	c := n.exact[string(folded)]
	for _, p := range n.prefixes {
		if p.claim > c && len(folded) >= len(p.folded) && string(folded[:len(p.folded)]) == p.folded {
			c = p.claim
		}
	}
	return c
}

// strip deletes from h what its sender may not say, and tells which claims there were. A trusted proxy keeps what is for proxies
// to say, in its usual spelling: the others are a client's that the proxy passed on.
func (n names) strip(h http.Header, trusted bool) (found [claims]bool) {
	for name := range h {
		c := n.claim(name)
		if c == claimNothing || c == claimProxy && trusted && strings.EqualFold(name, fold(name)) {
			continue
		}
		delete(h, name) // not Del: the key may be spelled in a way that is not canonical
		found[c] = true
	}
	return found
}

// fold writes a name in the one spelling that all its spellings share: lower case, with - for whatever is neither
// letter nor digit.
func fold(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(dst []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		default:
			c = '-'
		}
		dst = append(dst, c)
	}
	return dst
}

func validPattern(name string) bool {
	name = strings.TrimSuffix(name, "*")
	return httpguts.ValidHeaderFieldName(name) && !strings.Contains(name, "*")
}

// validTrailer refuses what says how to read, route or answer a request: RFC 9110 section 6.5.1 keeps it out of trailers.
func validTrailer(name string) bool {
	return validPattern(name) && !strings.HasSuffix(name, "*") && httpguts.ValidTrailerHeader(http.CanonicalHeaderKey(name)) && fold(name) != "cookie"
}
