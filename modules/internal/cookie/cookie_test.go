package cookie

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestTake(t *testing.T) {
	h := http.Header{"Cookie": {"a=1; gw_x=secret;b=2", "gw_x", " gw_x = other ; c"}}
	var values []string
	Take(h, func(name, value string) bool {
		if name != "gw_x" {
			return false
		}
		values = append(values, value)
		return true
	})
	if want := []string{"secret", "", "other"}; !slices.Equal(values, want) {
		t.Errorf("%q, want %q", values, want)
	}
	if want := []string{"a=1; b=2", "c"}; !slices.Equal(h["Cookie"], want) {
		t.Errorf("%q, want %q", h["Cookie"], want)
	}
	Take(h, func(string, string) bool { return true })
	if _, there := h["Cookie"]; there {
		t.Errorf("%q", h)
	}
}

// Whatever the lines: nothing that net/http reads as one of ours goes on, and all else that it reads does.
func FuzzTake(f *testing.F) {
	f.Add("a=1; gw_access=x; b=2", "gw_refresh=y")
	f.Add(";;gw_access ==;\tgw_access", "c=gw_access=1")
	f.Add(";gw_acsesc ==;\ngw_", "c=gw_\x00\x00\x80\x00ss=1")
	ours := func(name string) bool { return strings.HasPrefix(name, "gw_") }
	read := func(h http.Header) (mine, others int) {
		for _, c := range (&http.Request{Header: h}).Cookies() {
			if ours(c.Name) {
				mine++
			} else {
				others++
			}
		}
		return mine, others
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		h := http.Header{"Cookie": {one, two}}
		_, others := read(h)
		Take(h, func(name, _ string) bool { return ours(name) })
		if mine, rest := read(h); mine > 0 || rest != others {
			t.Errorf("%q, %q: %d of ours go on, and %d of %d others", one, two, mine, rest, others)
		}
	})
}
