package authorize

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Skipper, GHSA-659f-rgp5-w4wf (CVE-2026-50197): a body without a Content-Length (chunks, or HTTP/2) reached the back end, while the policy saw
// none and so found nothing to deny.
func TestChunkedBodyDoesNotHideFromThePolicy(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	const forbidden = `{"text":"x","admin":true}`
	// The fault: where the policy is not shown the body, what it forbids passes.
	e.echo()
	if r := e.chunked("/open", forbidden); r.status != 200 || r.body != forbidden {
		t.Fatalf("without `body`: %d %s", r.status, r.body)
	}
	e.echo()
	if r := e.chunked("/things", forbidden); r.status != 403 {
		t.Errorf("chunked: %d", r.status)
	}
	if len(e.reached()) > 0 {
		t.Error("chunked: it reached the back end")
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for body, status := range map[string]int{forbidden: 403, `{"text":"x"}`: 200} {
		e.echo()
		// A reader of no known kind: net/http can't tell its length.
		r, err := http.NewRequest("POST", e.url+"/things", io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Test-User", "ursula/user")
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != status || status == 200 && string(got) != body {
			t.Errorf("HTTP/%d: %d, want %d: %v %s", resp.ProtoMajor, resp.StatusCode, status, err, got)
		}
		if status == 403 && len(e.reached()) > 0 {
			t.Error("HTTP/2: it reached the back end")
		}
	}
}
