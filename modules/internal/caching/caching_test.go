package caching

import (
	"net/http"
	"testing"
)

func TestPrivate(t *testing.T) {
	const ours = "private, no-cache"
	for given, want := range map[string]string{
		"": ours, "max-age=60": ours, "public": ours, "no-cache": ours, "private, s-maxage=60": ours, "Public, private": ours, "privateer": ours,
		"private": "private", "no-store": "no-store", "max-age=60, Private": "max-age=60, Private",
	} {
		h := http.Header{}
		if given != "" {
			h.Set("Cache-Control", given)
		}
		if Private(h); h.Get("Cache-Control") != want {
			t.Errorf("%q became %q, want %q", given, h.Get("Cache-Control"), want)
		}
	}
	h := http.Header{"Cache-Control": {"private", "s-maxage=9"}}
	if Private(h); len(h["Cache-Control"]) != 1 || h.Get("Cache-Control") != ours {
		t.Error(h)
	}
}
