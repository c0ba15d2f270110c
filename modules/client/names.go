package client

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// What only the gateway may set, in the spelling that fold gives.
var reserved = []string{"x-user-*", "x-gateway-*"}

// names is a set of header names in all their spellings.
type names struct {
	exact    map[string]struct{}
	prefixes []string
}

// newNames makes the set of the reserved names and more; a trailing * makes a prefix.
func newNames(more []string) names {
	n := names{exact: map[string]struct{}{}}
	for _, list := range [][]string{reserved, more} {
		for _, name := range list {
			if prefix, ok := strings.CutSuffix(name, "*"); ok {
				n.prefixes = append(n.prefixes, fold(prefix))
			} else {
				n.exact[fold(name)] = struct{}{}
			}
		}
	}
	return n
}

// has tells whether a back end could read name as one of the set.
func (n names) has(name string) bool {
	var buf [64]byte
	folded := appendFolded(buf[:0], name)
	if _, ok := n.exact[string(folded)]; ok {
		return true
	}
	for _, p := range n.prefixes {
		if len(folded) >= len(p) && string(folded[:len(p)]) == p {
			return true
		}
	}
	return false
}

// strip deletes the set's names from h and tells whether there were any.
func (n names) strip(h http.Header) (found bool) {
	for name := range h {
		if n.has(name) {
			delete(h, name) // not Del: the key may be spelled in a way that is not canonical
			found = true
		}
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
