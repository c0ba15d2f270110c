package keyring

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReopenGivesTheSameKeys(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := a.Seal([]byte("secret"), "accounts.totp:1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := b.Unseal(sealed, "accounts.totp:1")
	if err != nil || string(plain) != "secret" {
		t.Fatalf("%q %v", plain, err)
	}
	if _, err := b.Unseal(sealed, "accounts.totp:2"); err == nil {
		t.Fatal("a value opened in another place")
	}
	ka, pa := a.Signer()
	kb, pb := b.Signer()
	if ka != kb || !pa.Equal(pb) || !bytes.Equal(a.Derive("x"), b.Derive("x")) || bytes.Equal(a.Derive("x"), a.Derive("y")) {
		t.Fatal("keys differ, or purposes do not")
	}
	if _, ok := a.Public(ka); !ok {
		t.Fatal("the signer's key does not verify")
	}
	if s := string(a.JWKS()); strings.Contains(s, `"d"`) || !strings.Contains(s, ka) {
		t.Fatalf("JWKS: %s", s)
	}
}

// Gateways that share an empty folder and start together end with one ring.
func TestOpenTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	kids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range kids {
		wg.Go(func() {
			r, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			kids[i], _ = r.Signer()
		})
	}
	wg.Wait()
	for _, k := range kids {
		if k != kids[0] {
			t.Fatalf("kids differ: %v", kids)
		}
	}
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{signingFile, dataFile, rootFile} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s can be read by others: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBrokenFilesAreOneClearErrorWithoutTheKey(t *testing.T) {
	for _, name := range []string{signingFile, dataFile, rootFile} {
		dir := t.TempDir()
		if _, err := Open(dir); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Open(dir)
		if err == nil || !strings.Contains(err.Error(), name) || bytes.Contains([]byte(err.Error()), raw[:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseSigning(f *testing.F) {
	raw, err := newSigning(time.Unix(1_800_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseSigning(raw)
		if err != nil {
			return
		}
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Now(), time.Unix(maxTime, 0)} {
			if s.signer(at) == nil || s.newest() == nil {
				t.Fatal("accepted a set without a signer")
			}
		}
	})
}

// A folder that has lost a file is no new folder: with another data key or root everything that rests would be lost, and a backup of it of no use.
func TestALostFileIsNotMadeAnew(t *testing.T) {
	for _, lost := range []string{dataFile, rootFile} {
		dir := t.TempDir()
		if _, err := Open(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), lost+" is missing") {
			t.Errorf("%s: %v", lost, err)
		}
		if _, err := os.Stat(filepath.Join(dir, lost)); err == nil {
			t.Errorf("%s was made", lost)
		}
	}
	// One that was being made when the machine stopped is made to the end: signing keys come last.
	for _, late := range [][]string{{signingFile}, {signingFile, rootFile}} {
		dir := t.TempDir()
		if _, err := Open(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range late {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open(dir); err != nil {
			t.Errorf("without %s: %v", late, err)
		}
	}
}
