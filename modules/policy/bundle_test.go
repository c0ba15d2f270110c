package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/policy/engine"
)

var anyone = &engine.Input{Permission: "x"}

// build makes a signed bundle of a policy.
func build(t testing.TB, key, rego string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "b.tar.gz")
	if _, err := try("", "build", "--sign", key, "-o", file, write(t, rego)); err != nil {
		t.Fatal(err)
	}
	return file
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

func eventFile(t testing.TB, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func stopAtEnd(t testing.TB) {
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// An edited folder is in force without a reload, a broken one leaves what was, and both are events.
func TestAFolderIsWatched(t *testing.T) {
	dir, folder := t.TempDir(), write(t, `decision := {"allow": true}`)
	if err := load(dir, `{"folder": "`+folder+`"}`); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t)
	a := running(t)
	first := a.Revision()
	edit := func(rego string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "a.rego"), []byte("package gateway\n\n"+rego+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(`decision := {"allow": fals}`)
	eventually(t, "it is refused", func() bool { return a.status().LastError != "" })
	if !a.Decide(context.Background(), anyone).Allow || a.Revision() != first {
		t.Error("the last good one is gone")
	}
	edit(`decision := {"allow": false}`)
	eventually(t, "it is in force", func() bool { return a.Revision() != first })
	if a.Decide(context.Background(), anyone).Allow {
		t.Error("it does not decide")
	}
	if s := a.status(); s.LastError != "" || s.From != folder {
		t.Errorf("%+v", s)
	}
	eventually(t, "all is told", func() bool { return strings.Count(eventFile(t, dir), "policy-activated") == 2 })
	told := eventFile(t, dir)
	if strings.Count(told, "policy-refused") != 1 || !strings.Contains(told, `"gateway.policy.revision":"`+a.Revision()+`"`) || strings.Contains(told, "fals}") {
		t.Error(told)
	}
	// What was refused can be tried again at once.
	edit(`decision := {"allow": "maybe"}`)
	if code, answer := ask(t, "POST", "/gateway/policy/reload", ""); code != http.StatusUnprocessableEntity || !strings.Contains(answer, "malformed") {
		t.Error(code, answer)
	}
	edit(`decision := {"allow": true}`)
	if code, answer := ask(t, "POST", "/gateway/policy/reload", ""); code != http.StatusOK || !strings.Contains(answer, first) {
		t.Error(code, answer)
	}
}

func TestABundleIsFetched(t *testing.T) {
	private, public := keyPair(t)
	var file atomic.Pointer[string]
	one := build(t, private, `decision := {"allow": true}`)
	file.Store(&one)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.ServeFile(w, r, *file.Load())
	}))
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("Bearer s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`{"bundle": {"from": %q, "keys": [{"file": %q}], "every": "1s", "headers": {"Authorization": "{file.%s}"}}}`, server.URL+"/b.tar.gz", public, secret)
	if err := load(dir, config); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t)
	a := running(t)
	if s := a.status(); !a.Decide(context.Background(), anyone).Allow || s.From != server.URL+"/b.tar.gz" || s.SignedAt == nil {
		t.Errorf("%+v", s)
	}
	two := build(t, private, `decision := {"allow": false}`)
	file.Store(&two)
	eventually(t, "the next one is in force", func() bool { return !a.Decide(context.Background(), anyone).Allow })
	raw, err := json.Marshal(a)
	if err != nil || strings.Contains(string(raw), "s3cret") || strings.Contains(eventFile(t, dir), "s3cret") {
		t.Error("the secret is shown", err)
	}
}

func TestBundlesThatDoNotLoad(t *testing.T) {
	private, public := keyPair(t)
	_, other := keyPair(t)
	file := build(t, private, `decision := {"allow": true}`)
	key := func(f string) string { return `"keys": [{"file": "` + f + `"}]` }
	for config, want := range map[string]string{
		`{"from": "` + file + `"}`:                                                          "name the key it is signed with, or write unsigned",
		`{"from": "` + file + `", ` + key(other) + `}`:                                      "does not hold",
		`{"from": "` + file + `", ` + key(private) + `}`:                                    "private key",
		`{"from": "` + file + `", ` + key("/no/such") + `}`:                                 "no such file",
		`{"from": "` + file + `", ` + key(public) + `, "unsigned": true}`:                   "either",
		`{"from": "` + file + `", ` + key(public) + `, "every": "1m"}`:                      "not of a file",
		`{"from": "` + file + `", ` + key(public) + `, "scope": "live"}`:                    "scope",
		`{"from": "/no/such", ` + key(public) + `}`:                                         "no such file",
		`{"from": "http://gateway.example/b", "unsigned": true}`:                            "plain HTTP",
		`{"from": "https://u:p@gateway.example/b", "unsigned": true}`:                       "header",
		`{"from": "http://127.0.0.1:1/b", "unsigned": true, "every": 5}`:                    "at least 1s",
		`{"from": "http://127.0.0.1:1/b", "unsigned": true}`:                                "can't be fetched",
		`{"from": "http://127.0.0.1:1/b", "unsigned": true, "ca": "` + file + `"}`:          "no certificate",
		`{"from": "http://127.0.0.1:1/b", "unsigned": true, "s3": {"region": "x"}}`:         "s3 is of",
		`{"from": "s3://bucket", "unsigned": true, "s3": {"region": "x"}}`:                  "s3://BUCKET/KEY",
		`{"from": "s3://b/k", "unsigned": true, "s3": {"region": "x", "credentials": "y"}}`: "environment, profile",
		`{"from": "", "unsigned": true}`:                                                    "where it is from",
		`{"from": "` + file + `", ` + key(public) + `}, "folder": "` + t.TempDir():          "", // below
	} {
		policy := `{"bundle": ` + config + `}`
		if want == "" {
			policy, want = `{"bundle": `+config+`"}`, "not from both"
		}
		err := load(t.TempDir(), policy)
		if err == nil {
			t.Errorf("%s loads", config)
			_ = caddy.Stop()
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
	if err := load(t.TempDir(), `{"bundle": {"from": "`+file+`", "unsigned": true}}`); err != nil {
		t.Error(err)
	}
	stopAtEnd(t)
}

func TestBundleCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"policy {\nbundle https://a.example/b {\nkey a.pem\nkey b.pem PS256\nscope live\nevery 30s\nheader Authorization {file./s}\nca c.pem\n}\n}": `{"bundle":{"from":"https://a.example/b","keys":[{"file":"a.pem"},{"file":"b.pem","algorithm":"PS256"}],"scope":"live","every":30000000000,"headers":{"Authorization":"{file./s}"},"ca":"c.pem"}}`,
		"policy {\nbundle s3://b/k {\nunsigned\nregion x\nendpoint https://m\ncredentials profile\n}\n}":                                            `{"bundle":{"from":"s3://b/k","unsigned":true,"s3":{"region":"x","endpoint":"https://m","credentials":"profile"}}}`,
		"policy {\nbundle b.tar.gz\n}":                                        `name the key that it is signed with, or write unsigned, at Testfile:2`,
		"policy {\nbundle b.tar.gz {\nkey k\nunsigned\n}\n}":                  `or write unsigned`,
		"policy {\nbundle b.tar.gz {\nkeys k\n}\n}":                           `unknown subdirective "keys": bundle knows ca, credentials,`,
		"policy {\nbundle b.tar.gz {\nunsigned yes\n}\n}":                     `wrong argument count`,
		"policy {\nbundle b.tar.gz {\nunsigned\nunsigned\n}\n}":               `unsigned is given twice`,
		"policy {\nbundle b.tar.gz {\nunsigned\nregion x\n}\n}":               `are of s3://BUCKET/KEY`,
		"policy {\nbundle b.tar.gz {\nkey\n}\n}":                              `wrong argument count`,
		"policy {\nbundle b.tar.gz {\nunsigned\nevery 1ms\n}\n}":              `from 1s to 24h`,
		"policy {\nbundle b.tar.gz {\nunsigned\nheader a\n}\n}":               `wrong argument count`,
		"policy {\nbundle b.tar.gz {\nunsigned\nheader a b\nheader a c\n}\n}": `header a is given twice`,
		"policy {\nbundle {\nunsigned\n}\n}":                                  `wrong argument count`,
		"policy {\nbundle a b\n}":                                             `wrong argument count`,
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
}
