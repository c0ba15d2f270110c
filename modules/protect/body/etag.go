package body

import (
	"net/http"
	"strings"
)

// mark ends the entity tags of plaintexts: whoever has kept a ciphertext under the back end's own tag must not be told that it still holds.
const mark = "-gw"

// tagged is the tag that clients get for one of the back end's; "" where it is none.
func tagged(etag string) string {
	if body, ok := strings.CutSuffix(etag, `"`); ok && len(strings.TrimPrefix(body, "W/")) > 0 {
		return body + mark + `"`
	}
	return ""
}

// untag makes the preconditions of a request the back end's. Tags that are not ours match nothing there; where none is left the precondition is
// one that can't hold.
func untag(h http.Header) {
	for _, name := range []string{"If-None-Match", "If-Match"} {
		values := h[name]
		if len(values) == 0 {
			continue
		}
		list := strings.TrimSpace(strings.Join(values, ","))
		if list == "*" {
			continue
		}
		if kept := untagList(list); kept != "" {
			h[name] = []string{kept}
		} else if name == "If-None-Match" {
			delete(h, name)
		} else {
			h[name] = []string{`"` + mark + `"`}
		}
	}
}

// untagList reads entity tags, which may hold commas, and keeps ours without the mark.
func untagList(list string) string {
	var kept []string
	for list != "" {
		start := strings.IndexByte(list, '"')
		if start < 0 {
			break
		}
		weak := ""
		if strings.HasSuffix(list[:start], "W/") {
			weak = "W/"
		}
		tag, rest, ok := strings.Cut(list[start+1:], `"`)
		if !ok {
			break
		}
		if own, ok := strings.CutSuffix(tag, mark); ok {
			kept = append(kept, weak+`"`+own+`"`)
		}
		list = rest
	}
	return strings.Join(kept, ", ")
}
