// Package caching keeps answers that were made for one person out of caches that people share.
package caching

import (
	"net/http"
	"strings"
)

// Private has the answer kept by nobody but the person's own browser, and asked for again there, unless its own header says so already.
func Private(h http.Header) {
	if !isPrivate(h.Values("Cache-Control")) {
		h.Set("Cache-Control", "private, no-cache")
	}
}

// isPrivate tells whether Cache-Control keeps the answer out of caches that people share.
func isPrivate(values []string) bool {
	private := false
	for directive := range strings.SplitSeq(strings.Join(values, ","), ",") {
		switch name := strings.ToLower(strings.TrimSpace(directive)); {
		case name == "private", name == "no-store":
			private = true
		case name == "public", strings.HasPrefix(name, "s-maxage"):
			return false
		}
	}
	return private
}
