package detect

import (
	"regexp"
	"strings"

	"github.com/convosphere/gateway/modules/internal/event"
)

// fieldName is a name as the dictionary of events writes it.
var fieldName = regexp.MustCompile("`(@timestamp|(?:event|source|user|user_agent|http|url|rule|gateway)\\.[a-z_.]+)`")

// knownFields are the fields that events may have, as the dictionary has them, and those that are made of others. Of the gateway's own only what
// stands before the second dot: the dictionary shortens the rest.
func knownFields() map[string]bool {
	known := map[string]bool{original: true, full: true, extension: true}
	for _, m := range fieldName.FindAllStringSubmatch(event.Page(), -1) {
		known[generic(m[1])] = true
	}
	return known
}

// generic is what of a name is looked up.
func generic(name string) string {
	if own, ok := strings.CutPrefix(name, "gateway."); ok {
		first, _, _ := strings.Cut(own, ".")
		return "gateway." + first
	}
	return name
}
