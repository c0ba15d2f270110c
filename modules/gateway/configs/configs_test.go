package configs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

func book(t *testing.T) Book {
	t.Helper()
	ring, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return Book{filepath.Join(t.TempDir(), "configurations"), ring}
}

func keep(t *testing.T, b Book, text string, want int, fresh bool) {
	t.Helper()
	v, is, err := b.Keep([]byte(text), time.Unix(1.8e9, 0))
	if err != nil || v.Number != want || is != fresh {
		t.Fatalf("%s: %+v %v %v, want %d", text, v, is, err, want)
	}
}

func TestWhatWasInForceIsKept(t *testing.T) {
	b := book(t)
	if _, err := b.Get(0); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	keep(t, b, `{"a":1}`, 1, true)
	keep(t, b, `{"a":1}`, 1, false)
	keep(t, b, `{"a":"hunter2"}`, 2, true)
	keep(t, b, `{"a":1}`, 3, true)
	for number, want := range map[int]string{1: `{"a":1}`, 2: `{"a":"hunter2"}`, 3: `{"a":1}`, 0: `{"a":1}`} {
		if v, err := b.Get(number); err != nil || string(v.Config) != want || !v.At.Equal(time.Unix(1.8e9, 0)) {
			t.Errorf("%d: %+v %v", number, v, err)
		}
	}
	if _, err := b.Get(4); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	raw, err := os.ReadFile(b.path(2))
	if err != nil || bytes.Contains(raw, []byte("hunter2")) {
		t.Error("it is in plain", err)
	}
	info, err := os.Stat(b.path(2))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}

// A version that was put in the place of another, or altered, opens as neither.
func TestVersionsAreNotExchanged(t *testing.T) {
	b := book(t)
	keep(t, b, `{"a":1}`, 1, true)
	keep(t, b, `{"a":2}`, 2, true)
	if err := os.Rename(b.path(1), b.path(2)); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Get(2); err == nil {
		t.Errorf("%+v", v)
	}
	keep(t, b, `{"a":2}`, 3, true) // what can't be opened holds nothing up
}

func TestOnlySoManyAreKept(t *testing.T) {
	b := book(t)
	for i := range Most + 3 {
		keep(t, b, `{"a":`+string(rune('0'+i%10))+`}`, i+1, true)
	}
	all, err := b.Numbers()
	if err != nil || len(all) != Most || all[0] != 4 {
		t.Error(len(all), all[0], err)
	}
}
