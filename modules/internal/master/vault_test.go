package master

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/transit"
)

func openVault(t *testing.T, o VaultOptions) *Vault {
	t.Helper()
	v, err := OpenVault(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// plain is a service for one kind of answer; its own connections end with the test.
func plain(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestVault(t *testing.T) {
	s := transit.Start(t, "gateway", "other")
	token := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(s.Token + "\n")
	o := VaultOptions{URL: s.URL, Key: "gateway", CA: s.CA, TokenFile: token}
	v := openVault(t, o)
	old, err := v.Wrap(t.Context(), []byte("key set"))
	if err != nil || !strings.HasPrefix(string(old), "vault:v1:") {
		t.Fatalf("%s %v", old, err)
	}
	s.Rotate("gateway")
	fresh, err := v.Rewrap(t.Context(), old)
	if err != nil || !strings.HasPrefix(string(fresh), "vault:v2:") {
		t.Fatalf("%s %v", fresh, err)
	}
	for _, wrapped := range [][]byte{old, fresh} {
		if p, err := v.Unwrap(t.Context(), wrapped); err != nil || string(p) != "key set" {
			t.Errorf("%q %v", p, err)
		}
	}
	o.Key = "other"
	other := openVault(t, o)
	if other.ID() == v.ID() {
		t.Error("two keys have one id")
	}
	for what, try := range map[string]func() ([]byte, error){
		"another key":        func() ([]byte, error) { return other.Unwrap(t.Context(), fresh) },
		"altered":            func() ([]byte, error) { return v.Unwrap(t.Context(), append(bytes.Clone(fresh), 'A')) },
		"no ciphertext":      func() ([]byte, error) { return v.Unwrap(t.Context(), []byte("\x00\xff")) },
		"another key, again": func() ([]byte, error) { return other.Rewrap(t.Context(), fresh) },
	} {
		if p, err := try(); !errors.Is(err, ErrWrong) || p != nil || strings.Contains(err.Error(), "vault:v") {
			t.Errorf("%s: %q %v", what, p, err)
		}
	}
	s.Refuse("gateway", 2)
	if _, err := v.Unwrap(t.Context(), old); !errors.Is(err, ErrWrong) {
		t.Error("a version that the service refuses:", err)
	}
	o.Key = "none"
	if _, err := openVault(t, o).Wrap(t.Context(), []byte("x")); !errors.Is(err, ErrUnavailable) {
		t.Error("a key that is not there:", err)
	}

	// The token may be renewed at any time.
	write("wrong")
	if _, err := v.Unwrap(t.Context(), fresh); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
	write("")
	if _, err := v.Unwrap(t.Context(), fresh); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no token") {
		t.Error(err)
	}
	write(s.Token)
	if _, err := v.Unwrap(t.Context(), fresh); err != nil {
		t.Error(err)
	}

	// Somebody else's certificate.
	o.Key, o.CA = "gateway", ""
	if _, err := openVault(t, o).Unwrap(t.Context(), fresh); !errors.Is(err, ErrUnavailable) {
		t.Error("a certificate that nobody signed:", err)
	}
}

// A service that fails is left alone for a while, then asked by one, and works again.
func TestVaultFails(t *testing.T) {
	s := transit.Start(t, "gateway")
	t.Setenv("VAULT_TOKEN", s.Token)
	v := openVault(t, VaultOptions{URL: s.URL, Key: "gateway", CA: s.CA, Timeout: 2 * time.Second})
	wrapped, err := v.Wrap(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64
	v.breaker.now = func() time.Time { return time.Unix(later.Load(), 0) }
	fail := func() error {
		t.Helper()
		_, err := v.Unwrap(t.Context(), wrapped)
		if !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
		return err
	}
	s.Seal()
	for range breakAfter {
		if err := fail(); !strings.Contains(err.Error(), "503") {
			t.Fatal(err)
		}
	}
	before := s.Counts()["decrypt"]
	for range 20 {
		if err := fail(); !strings.Contains(err.Error(), "left alone") {
			t.Fatal(err)
		}
	}
	if n := s.Counts()["decrypt"]; n != before {
		t.Errorf("it was asked %d times meanwhile", n-before)
	}
	later.Add(10)
	if err := fail(); !strings.Contains(err.Error(), "503") {
		t.Fatal(err)
	}
	if err := fail(); !strings.Contains(err.Error(), "left alone") {
		t.Fatal(err)
	}
	s.Unseal()
	later.Add(10)
	if _, err := v.Unwrap(t.Context(), wrapped); err != nil {
		t.Fatal("it works again:", err)
	}

	// One that accepts and says nothing.
	s.Freeze()
	if err := fail(); strings.Contains(err.Error(), "left alone") {
		t.Error(err)
	}
	s.Thaw()
	if _, err := v.Unwrap(t.Context(), wrapped); err != nil {
		t.Error(err)
	}
	// Callers who give up say nothing of the service.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * breakAfter {
		if _, err := v.Unwrap(ctx, wrapped); err == nil {
			t.Fatal("asked with a context that had ended")
		}
	}
	if _, err := v.Unwrap(t.Context(), wrapped); err != nil {
		t.Error(err)
	}
	s.Stop()
	if err := fail(); strings.Contains(err.Error(), s.Token) {
		t.Error(err)
	}
}

// Answers that are none, are too large, or lead elsewhere.
func TestVaultAnswersWrongly(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "secret-token")
	var stolen atomic.Bool
	elsewhere := plain(t, func(http.ResponseWriter, *http.Request) { stolen.Store(true) })
	for what, h := range map[string]http.HandlerFunc{
		"nothing":    func(http.ResponseWriter, *http.Request) {},
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no data":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{}}`) },
		"not base64": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"plaintext":"%%"}}`) },
		"too much":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), mostAnswer+10)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		},
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			fmt.Fprint(w, `{"da`)
		},
	} {
		v := openVault(t, VaultOptions{URL: plain(t, h), Key: "k"})
		p, err := v.Unwrap(t.Context(), []byte("vault:v1:xxxx"))
		if !errors.Is(err, ErrUnavailable) || p != nil || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%s: %q %v", what, p, err)
		}
		if w, err := v.Wrap(t.Context(), []byte("x")); !errors.Is(err, ErrUnavailable) || w != nil {
			t.Errorf("%s: %q %v", what, w, err)
		}
	}
	if stolen.Load() {
		t.Error("the token was sent to where the service led")
	}
}

func TestVaultOptions(t *testing.T) {
	for _, o := range []VaultOptions{
		{URL: "", Key: "k"}, {URL: "http://192.0.2.1:8200", Key: "k"}, {URL: "http://vault:8200", Key: "k"}, {URL: "ftp://x", Key: "k"}, {URL: "https://u:p@h", Key: "k"},
		{URL: "https://h", Key: ""}, {URL: "https://h", Key: "a/b"}, {URL: "https://h", Key: ".."}, {URL: "https://h", Key: "k", Mount: "a/../b"}, {URL: "https://h", Key: "k", CA: "/none"},
	} {
		if _, err := OpenVault(o); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, o := range []VaultOptions{{URL: "https://h:8200/vault/", Key: "k"}, {URL: "http://127.0.0.1:1", Key: "k"}, {URL: "http://localhost:1", Key: "k"}, {URL: "https://h", Key: "k", Mount: "/team/transit/"}} {
		openVault(t, o)
	}
	if v := openVault(t, VaultOptions{URL: "https://h/vault/", Key: "k", Mount: "team/transit"}); v.base != "https://h/vault/v1/team/transit" || v.ID() != "vault:team/transit/k" {
		t.Error(v.base, v.ID())
	}
}

// The authorities of the service are those that the file has now: a renewal takes no reload.
func TestVaultsAuthoritiesAreRenewed(t *testing.T) {
	s := transit.Start(t, "gateway")
	dir := t.TempDir()
	token, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(token, []byte(s.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	pki.Copy(t, pki.New(t, "other.test").File, ca)
	v := openVault(t, VaultOptions{URL: s.URL, Key: "gateway", CA: ca, TokenFile: token})
	if _, err := v.Wrap(t.Context(), []byte("key set")); err == nil {
		t.Fatal("a service that the authority does not vouch for was asked")
	}
	pki.Copy(t, s.CA, ca)
	if _, err := v.Wrap(t.Context(), []byte("key set")); err != nil {
		t.Fatal(err)
	}
}
