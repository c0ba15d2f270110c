package eventfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// A file of which some events are sealed is read by who has the keys; who has not is told so, and is not given a part for the whole.
func TestSealed(t *testing.T) {
	keys, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, sealer := range []event.Sealer{nil, keys} {
		b, err := event.Open(event.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		b.SealWith(sealer)
		b.Emit(&event.Event{Action: "login", UserID: "SOMEBODY"})
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "events.jsonl")
	if _, err := Read(name, nil, func([]byte) bool { return true }); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	torn := string(raw) + strings.Repeat("x", longestLine+70_000) + "\n" + strings.Split(string(raw), "\n")[1][:50]
	var out bytes.Buffer
	unopened, err := Open("-", strings.NewReader(torn), keys, &out)
	if err != nil || unopened != 2 || strings.Count(out.String(), `"user.id":"SOMEBODY"}`+"\n") != 2 {
		t.Error(event.Cut(out.String(), 2000), unopened, err)
	}
	out.Reset()
	other, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if unopened, err := Open(dir, nil, other, &out); err != nil || unopened != 1 || strings.Count(out.String(), "SOMEBODY") != 1 {
		t.Error(event.Cut(out.String(), 2000), unopened, err)
	}
}
