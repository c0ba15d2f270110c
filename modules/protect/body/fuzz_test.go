package body

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzHeaders: clients write ranges and preconditions. A range lies within the file, and of entity tags ours alone come to the back end.
func FuzzHeaders(f *testing.F) {
	f.Add("bytes=0-1", `"a-gw", W/"b,c-gw"`, int64(10))
	f.Add("bytes=-5", `"a"`, int64(3))
	f.Add("bytes=7-", `*`, int64(0))
	f.Add("bytes=1-2,3-4", `"a-gw`, int64(9))
	f.Fuzz(func(t *testing.T, asked, tags string, size int64) {
		size = max(0, size)
		if s := readRange(http.Header{"Range": {asked}}); s != nil {
			if first, n, ok := s.of(size); ok && (first < 0 || n < 1 || n > size-first) {
				t.Fatalf("%q of %d: %d bytes from %d", asked, size, n, first)
			}
		}
		h := http.Header{"If-None-Match": {tags}}
		untag(h)
		if got := h.Get("If-None-Match"); got != "" && strings.TrimSpace(tags) != "*" && strings.Count(tags, mark+`"`) < strings.Count(got, `"`)/2 {
			t.Fatalf("%q became %q", tags, got)
		}
	})
}
