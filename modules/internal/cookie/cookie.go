// Package cookie takes the gateway's own cookies out of requests, so that no back end sees them.
package cookie

import (
	"net/http"
	"net/textproto"
	"strings"
)

// Take removes from the header the cookies of which mine says so. One parser tells and removes, so that no spelling is missed by one and seen by the
// other; it reads names as net/http does, even where a name can't be a cookie's.
func Take(h http.Header, mine func(name, value string) bool) {
	lines := h["Cookie"]
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = textproto.TrimString(pair)
			name, value, _ := strings.Cut(pair, "=")
			if pair != "" && !mine(textproto.TrimString(name), textproto.TrimString(value)) {
				pairs = append(pairs, pair)
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
	} else {
		h["Cookie"] = kept
	}
}
