package source

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A server that sends the gateway elsewhere does not send its secrets along: neither headers of any name, nor the signed URL.
func TestRedirectsLoseSecrets(t *testing.T) {
	p, folder := ecPair(t), write(t, "true")
	bundle := p.signed(t, folder, "v1", time.Now())
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = w.Write(bundle)
	}))
	defer other.Close()
	var first http.Header
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first = r.Header
		if r.URL.Path == "/again" {
			http.Redirect(w, r, other.URL+"/bundle", http.StatusFound)
			return
		}
		http.Redirect(w, r, "/again?sig=secret", http.StatusTemporaryRedirect)
	}))
	defer here.Close()
	secret := http.Header{"Private-Token": {"secret"}, "X-Amz-Security-Token": {"secret"}, "Authorization": {"Bearer secret"}}
	origin, err := NewRemote(Remote{URL: here.URL + "/bundle?sig=secret", Header: secret, Trust: p.trust(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := origin.Fetch(t.Context(), true); err != nil || found == nil {
		t.Fatal(err)
	}
	if first.Get("Private-Token") != "secret" {
		t.Error("the same server gets nothing")
	}
	for name, values := range got {
		switch name {
		case "Accept", "User-Agent", "Connection":
		default:
			t.Errorf("%s: %v", name, values)
		}
	}
}
