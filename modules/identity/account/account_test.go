package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for typed, want := range map[string]string{
		"ada": "ada", " ADA\t": "ada", "ａｄａ": "ada", "A.d_a-1": "a.d_a-1", "K2": "k2", // the Kelvin sign is a K
	} {
		if got, err := Normalise(typed); err != nil || got != want {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "a", "..", ".a", "a.", "-a", "a b", "a/b", "a*", "*", "room:x", "аda", "ada\x00", "ad\u200da", strings.Repeat("a", 33), strings.Repeat("ﷺ", 1000), "\xff\xff", "ß1"} {
		if got, err := Normalise(typed); err != ErrName {
			t.Errorf("%q became %q", typed, got)
		}
	}
}

func TestNormaliseProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, err := Normalise(rapid.String().Draw(t, "typed"))
		if err != nil {
			return
		}
		if again, err := Normalise(name); err != nil || again != name {
			t.Fatalf("%q is not the one spelling: %q %v", name, again, err)
		}
	})
}

func TestRoles(t *testing.T) {
	for _, good := range [][]string{{"user"}, {"user", "team_a-1"}} {
		if err := CheckRoles(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"a,b"}, {"Admin"}, {"user", "user"}, {"a\r\nX-User-Roles: admin"}, {"1a"}, {strings.Repeat("a", 33)}} {
		if err := CheckRoles(bad); err != ErrRole {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for _, good := range []string{
		"otter-lamp-quarry-58", "correct tulip engine nebula", "Grüße aus Überlingen 47", strings.Repeat("xK9#mQ2$", 16), // 128 characters
		"パスワード東京大阪名古屋札幌福岡仙台", "7h2k-9dmw-x3qp-vb6t",
	} {
		if err := DefaultPolicy.Refuse(ctx, good, "ursula"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"": "short", "short1!Aa": "short", "password123": "leaked", "PASSWORD123": "leaked", "christopher1999": "leaked", "1234567890": "leaked",
		"aaaaaaaaaaaaaa": "guess", "ursulaursula": "guess", "abcdefghijklm": "guess", "passwordursula": "guess",
		strings.Repeat("xK9#mQ2$", 16) + "z": "long", strings.Repeat("語", 200): "long", "\xff\xfeotter-lamp-quarry": "no characters",
	} {
		var weak WeakPassword
		if err := DefaultPolicy.Refuse(ctx, bad, "ursula"); !errors.As(err, &weak) || !strings.Contains(weak.Reason, why) {
			t.Errorf("%.30q: %v, want %q", bad, err, why)
		}
	}
}

// The estimate's time grows with the length; no password may hold a core for long.
func TestStrengthIsQuick(t *testing.T) {
	for _, p := range []string{strings.Repeat("a", 128), strings.Repeat("1", 128), strings.Repeat("password1", 14), strings.Repeat("qwertzuiop", 12), strings.Repeat("20112011", 16), strings.Repeat("p@55w0rd", 16)} {
		began := time.Now()
		_ = DefaultPolicy.Refuse(ctx, p, "ursula")
		if d := time.Since(began); d > 500*time.Millisecond {
			t.Errorf("%.20q…: %v", p, d)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("otter-lamp-quarry-58", "ursula")
	f.Add("\x00İß𝔭𝔞ss1990-01-01", "x")
	f.Fuzz(func(t *testing.T, password, name string) {
		if len(name) > 32 {
			return
		}
		err := DefaultPolicy.Refuse(ctx, password, name)
		if err == nil && (utf8.RuneCountInString(password) > 512 || !utf8.ValidString(password)) {
			t.Fatal("taken")
		}
	})
}

func TestHashes(t *testing.T) {
	h, err := NewHasher(Params{Memory: 64, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	one, err := h.Hash(ctx, "secret")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.Hash(ctx, "secret")
	if one == two {
		t.Fatal("no salt")
	}
	if ok, stale, err := h.Verify(ctx, "secret", one); !ok || stale || err != nil {
		t.Fatal(ok, stale, err)
	}
	if ok, _, err := h.Verify(ctx, "secret ", one); ok || err != nil {
		t.Fatal(ok, err)
	}
	// A hash of the reference implementation (phc-winner-argon2): echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
	if ok, stale, err := h.Verify(ctx, "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"); !ok || !stale || err != nil {
		t.Fatal(ok, stale, err)
	}
}

func TestForgedHashes(t *testing.T) {
	h, _ := NewHasher(Params{Memory: 64, Time: 1, Threads: 1})
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, bad := range []string{
		"", "$", "plain", "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=257$" + salt + "$" + key, "$argon2id$v=19$m=4,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=+64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$", "$argon2id$v=19$m=64,t=1,p=1$$" + key, "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "\n", "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat(key, 9),
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$", " $argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key,
	} {
		before := h.Calls()
		if _, _, err := h.Verify(context.Background(), "x", bad); err != errPHC || h.Calls() != before {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
}

func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err == nil && (h.String() != s || h.Check() != nil) {
			t.Fatalf("%q was read as %+v", s, h)
		}
	})
}

// One hash per core: more wait, and who waits goes when the client does.
func TestHashesWaitTheirTurn(t *testing.T) {
	h, _ := NewHasher(Params{Memory: 64, Time: 1, Threads: 1})
	for range cap(slots) {
		slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || h.Calls() != 0 {
		t.Fatal(err)
	}
	for range cap(slots) {
		<-slots
	}
	if _, err := h.Hash(context.Background(), "x"); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkHash(b *testing.B) {
	h, _ := NewHasher(DefaultParams)
	for b.Loop() {
		if _, err := h.Hash(context.Background(), "otter-lamp-quarry-58"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		_ = DefaultPolicy.Refuse(ctx, "otter-lamp-quarry-58-tulip-engine-nebula", "ursula")
	}
}

func TestStrengthInParallel(t *testing.T) {
	var wg sync.WaitGroup
	for _, p := range []string{"p@55w0rd-2001-01-01", "qwertzuiop12", "otter-lamp-quarry-58", "aaaaabbbbbccccc"} {
		for range 4 {
			wg.Go(func() { _ = DefaultPolicy.Refuse(ctx, p, "ursula") })
		}
	}
	wg.Wait()
}
