package keyset

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestSealedValuesOpenInEveryGatewayAndAfterARestart(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	s := use(t, a, "room/general")
	sealed := seal(t, s, "text", `"hello"`, "aad")
	if len(sealed) != len(`"hello"`)+Overhead || bytes.Contains(sealed, []byte("hello")) {
		t.Fatalf("sealed as %q", sealed)
	}
	if s.Name() != "room/general" || !isID(s.ID()) || strings.Contains(s.ID(), "general") {
		t.Fatalf("the set %q of %q", s.ID(), s.Name())
	}
	for _, n := range []*node{a, b, openNode(t, config, key)} {
		if opens(t, n, s.ID(), "text", sealed, "aad", `"hello"`) {
			t.Error("it is stale")
		}
		if again := use(t, n, "room/general"); again.ID() != s.ID() {
			t.Errorf("another set of that name: %s", again.ID())
		}
	}
	if other := use(t, a, "room/other"); other.ID() == s.ID() {
		t.Fatal("two rooms share a set")
	}
}

// What is sealed opens in its own set, field and place alone, and only whole.
func TestSealedValuesOpenNowhereElse(t *testing.T) {
	n := openNode(t, dbtest.NewSQLite(t), ringKey(t))
	s, other := use(t, n, "a"), use(t, n, "b")
	sealed := seal(t, s, "text", "hello", "aad")
	for what, try := range map[string]func() ([]byte, bool, error){
		"another set":     func() ([]byte, bool, error) { return other.Open(nil, "text", sealed, []byte("aad")) },
		"another field":   func() ([]byte, bool, error) { return s.Open(nil, "name", sealed, []byte("aad")) },
		"another place":   func() ([]byte, bool, error) { return s.Open(nil, "text", sealed, []byte("aae")) },
		"no place":        func() ([]byte, bool, error) { return s.Open(nil, "text", sealed, nil) },
		"cut at its end":  func() ([]byte, bool, error) { return s.Open(nil, "text", sealed[:len(sealed)-1], []byte("aad")) },
		"cut at its head": func() ([]byte, bool, error) { return s.Open(nil, "text", sealed[1:], []byte("aad")) },
		"empty":           func() ([]byte, bool, error) { return s.Open(nil, "text", nil, []byte("aad")) },
	} {
		if plain, _, err := try(); !errors.Is(err, ErrSealed) || plain != nil {
			t.Errorf("%s: %q %v", what, plain, err)
		}
	}
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		if plain, _, err := s.Open(nil, "text", flipped, []byte("aad")); err == nil || plain != nil {
			t.Errorf("with bit %d flipped it opens as %q", i*8, plain)
		}
	}
}

// dst grows, and what it holds stays.
func TestSealAndOpenAppend(t *testing.T) {
	n := openNode(t, dbtest.NewSQLite(t), ringKey(t))
	s := use(t, n, "a")
	sealed, err := s.Seal([]byte("before"), "text", []byte("hello"), nil)
	if err != nil || !bytes.HasPrefix(sealed, []byte("before")) {
		t.Fatalf("%q %v", sealed, err)
	}
	plain, _, err := s.Open([]byte("and "), "text", sealed[len("before"):], nil)
	if err != nil || string(plain) != "and hello" {
		t.Fatalf("%q %v", plain, err)
	}
	if a, b := seal(t, s, "text", "same", ""), seal(t, s, "text", "same", ""); bytes.Equal(a, b) {
		t.Error("the same value is sealed the same twice")
	}
}

// Gateways that need the same new set at once end with one.
func TestTogetherTheyMakeOneSet(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	nodes := []*node{openNode(t, config, key), openNode(t, config, key), openNode(t, config, key)}
	var mu sync.Mutex
	ids := map[string]bool{}
	var wg sync.WaitGroup
	for _, n := range nodes {
		for range 8 {
			wg.Go(func() {
				s, err := n.Use(t.Context(), "tenant/new")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				ids[s.ID()] = true
			})
		}
	}
	wg.Wait()
	var rows int
	if err := nodes[0].db.QueryRow(t.Context(), `SELECT COUNT(*) FROM data_keys`).Scan(&rows); err != nil || rows != 1 || len(ids) != 1 {
		t.Fatalf("%d sets, %d ids: %v", rows, len(ids), err)
	}
}

func TestNames(t *testing.T) {
	n := openNode(t, dbtest.NewSQLite(t), ringKey(t))
	for _, bad := range []string{"", strings.Repeat("x", MostName+1), "a\nb", "a\x00b", "\xff"} {
		if _, err := n.Use(t.Context(), bad); err == nil {
			t.Errorf("%q names a set", bad)
		}
	}
	for _, bad := range []string{"", "a", strings.Repeat("a", 17), "AAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaa'", strings.Repeat("a", 16)} {
		if _, err := n.ByID(t.Context(), bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestIndexAndStreamKeysOutliveAndDiffer(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	s, same := use(t, a, "t"), use(t, b, "t")
	version, ikm, err := s.StreamKey("file")
	if err != nil {
		t.Fatal(err)
	}
	of, err := same.StreamKeyOf("file", version)
	if err != nil || !bytes.Equal(of, ikm) || len(ikm) != keyBytes {
		t.Fatalf("%x %x %v", ikm, of, err)
	}
	if _, other, _ := s.StreamKey("image"); bytes.Equal(other, ikm) {
		t.Error("two fields share a key")
	}
	if _, err := s.StreamKeyOf("file", version+1); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
	i := s.Index("mail", []byte("a@b.org"))
	if len(i) != 32 || !bytes.Equal(i, same.Index("mail", []byte("a@b.org"))) {
		t.Fatalf("indexes: %x", i)
	}
	for what, other := range map[string][]byte{
		"another value": s.Index("mail", []byte("a@b.orh")), "another field": s.Index("name", []byte("a@b.org")), "another set": use(t, a, "u").Index("mail", []byte("a@b.org")),
	} {
		if bytes.Equal(i, other) {
			t.Errorf("%s has the same index", what)
		}
	}
}
