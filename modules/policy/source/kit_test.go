package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// pair is a private key and its public one, as PEM.
type pair struct{ private, public []byte }

func newPair(t testing.TB, private crypto.Signer) pair {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})}
}

func ecPair(t testing.TB) pair {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newPair(t, k)
}

func edPair(t testing.TB) pair {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newPair(t, k)
}

func rsaPair(t testing.TB, bits int) pair {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return newPair(t, k)
}

func (p pair) trust(t testing.TB) *Trust {
	t.Helper()
	k, err := ParseKey(p.public, "")
	if err != nil {
		t.Fatal(err)
	}
	return &Trust{Keys: []Key{k}}
}

// write makes a folder with a policy that allows all or nothing.
func write(t testing.TB, allow string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	put(t, folder, "a.rego", "package gateway\n\ndecision := {\"allow\": "+allow+"}\n")
	put(t, folder, "a_test.rego", "package gateway_test\n\ntest_a if data.gateway.decision.allow == "+allow+"\n")
	put(t, folder, "sub/data.json", `{"n": 1.50, "big": 12345678901234567890123}`)
	return folder
}

func put(t testing.TB, folder, name, text string) {
	t.Helper()
	name = filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// signed makes a bundle of a folder.
func (p pair) signed(t testing.TB, folder, label string, at time.Time) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := (Build{Revision: label, Key: p.private, Now: at}).Write(&w, folder); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

// archive packs entries as they are.
func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range entries {
		content := bytes.Repeat([]byte("#"), int(h.Size))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
