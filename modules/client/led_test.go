package client

import (
	"net/http/httptest"
	"testing"
)

// Browsers say whose page had them send a request; nothing else does.
func TestLed(t *testing.T) {
	for from, want := range map[string]bool{"cross-site": true, "same-site": true, "same-origin": false, "none": false, "": false, "Cross-Site": false} {
		r := httptest.NewRequest("GET", "/", nil)
		if from != "" {
			r.Header.Set("Sec-Fetch-Site", from)
		}
		if got := identify(r).Led; got != want {
			t.Errorf("%q: %t", from, got)
		}
	}
}
