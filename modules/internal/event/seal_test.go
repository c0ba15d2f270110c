package event

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

func lines(t *testing.T, dir string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

func ring(t *testing.T) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What a sealed file says is read with the key ring alone, and not where a byte of it was changed.
func TestSealedEvents(t *testing.T) {
	dir, keys := t.TempDir(), ring(t)
	b, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b.Emit(&Event{Action: "plain", UserID: "ABCDEFGH"})
	for len(b.queue) > 0 { // the first is taken: it was written as it was, or will be sealed
		runtime.Gosched()
	}
	b.SealWith(keys)
	b.Emit(&Event{Action: "sealed", UserID: "ABCDEFGH", Path: "/a\nb"})
	b.Emit(&Event{Action: "sealed", UserID: "ABCDEFGH"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	all := lines(t, dir)
	if len(all) != 3 {
		t.Fatal(len(all))
	}
	if strings.Contains(all[1]+all[2], "ABCDEFGH") || all[1] == all[2] || len(read(t, filepath.Join(dir, "events.jsonl"))) != 3 {
		t.Fatal(all)
	}
	for _, line := range all[1:] {
		plain, err := Unseal(keys, []byte(line+"\r\n"))
		if err != nil || !IsSealed([]byte(line)) || !bytes.Contains(plain, []byte(`"user.id":"ABCDEFGH"`)) || bytes.Contains(plain, []byte("\n")) {
			t.Errorf("%s: %v", plain, err)
		}
		if _, err := Unseal(ring(t), []byte(line)); err == nil {
			t.Error("another key ring opens it")
		}
		altered := []byte(line)
		altered[len(altered)/2] ^= 1
		if _, err := Unseal(keys, altered); err == nil {
			t.Error("an altered one is opened")
		}
	}
}

type broken struct{}

func (broken) Seal([]byte, string) ([]byte, error)   { return nil, errors.New("no") }
func (broken) Unseal([]byte, string) ([]byte, error) { return nil, errors.New("no") }

// What can't be sealed is not written: it is counted, and the next event says so.
func TestUnsealableIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b.SealWith(broken{})
	b.Emit(&Event{Action: "secret"})
	for {
		if _, disk := b.Dropped(); disk == 1 {
			break
		}
		runtime.Gosched()
	}
	b.SealWith(nil)
	b.Emit(&Event{Action: "next"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if all := lines(t, dir); len(all) != 1 || !strings.Contains(all[0], `"gateway.events_dropped":1`) || !strings.Contains(all[0], "next") {
		t.Error(all)
	}
}
