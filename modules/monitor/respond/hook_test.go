package respond

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// A webhook is told who, why and of which incident, signed, and again where it fails; a redirect does not send the secret elsewhere.
func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	answers := []int{500, 204, 302, 302, 302}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signature := r.Header.Get(SignatureHeader)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body)+"\n"+signature)
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(answers[len(got)-1])
	}))
	defer s.Close()
	d := open(t, dbtest.New(t), Config{Mode: Mild, Hook: &Hook{URL: s.URL, Secret: "hush"}})
	all := d.Take(t.Context(), d.found("webhook", "user:u1"), "INCIDENT")
	state := func(id string) string {
		r, err := d.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	eventually(t, "it is told", func() bool { return state(all[0].ID) == Done })
	mu.Lock()
	text, signature, _ := strings.Cut(got[1], "\n")
	mu.Unlock()
	var body hookBody
	if err := json.Unmarshal([]byte(text), &body); err != nil || body.Subject.ID != "u1" || body.Incident != "INCIDENT" || body.ID != all[0].ID || body.Rule != "rule-1" {
		t.Error(text, err)
	}
	if signature != sign("hush", []byte(text), d.now()) || sign("hush", []byte(text), d.now()) == sign("other", []byte(text), d.now()) {
		t.Error("signature:", signature)
	}
	again := d.Take(t.Context(), d.found("webhook", "user:u2"), "")
	eventually(t, "it has failed", func() bool { return state(again[0].ID) == Failed })
	if r, _ := d.Get(t.Context(), again[0].ID); !strings.Contains(r.Detail, "status 302") || strings.Contains(r.Detail, "http") {
		t.Error(r.Detail)
	}
}
