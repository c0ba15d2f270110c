package store

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/redisfleet"
)

func box(t testing.TB, b byte) *Box {
	t.Helper()
	made, err := NewBox(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Whoever runs the Redis reads nothing, moves nothing, and makes nothing up.
func TestSealedAgainstWhoRunsRedis(t *testing.T) {
	ctx := t.Context()
	r, err := OpenRedis(ctx, "redis://"+server(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, raw := Seal(r, box(t, 1)), r.Redis()
	mine, other := Key("console-done", "session-of-ursula", "1"), Key("console-done", "session-of-mallory", "1")
	set := func(key, v string) {
		t.Helper()
		if err := s.Set(ctx, key, []byte(v), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	set(mine, "what she did")
	set(other, "what he did")
	if n, err := s.Incr(ctx, Key("mail-client", "192.0.2.7"), time.Minute); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	keys, err := raw.Keys(ctx, "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	for _, k := range keys {
		if v := raw.Get(ctx, k).Val(); strings.Contains(v, "did") || strings.Contains(k, "ursula") || strings.Contains(k, "192.0.2.7") || !strings.HasPrefix(k, "gw:{") {
			t.Errorf("it shows %s: %q", k, v)
		}
	}
	good := raw.Get(ctx, s.Name(mine)).Val()
	for attack, v := range map[string]string{
		"moved from another place": raw.Get(ctx, s.Name(other)).Val(), "cut": good[:len(good)-1], "changed": good[:len(good)-1] + string([]byte{good[len(good)-1] ^ 1}), "made up": "what she did", "empty": "",
		"another key ring's": string(box(t, 2).Seal([]byte("what she did"), mine)), "another version's": "\x02" + good[1:],
	} {
		raw.Set(ctx, s.Name(mine), v, time.Minute)
		if got, ok, err := s.Get(ctx, mine); !errors.Is(err, ErrForged) || ok || got != nil {
			t.Errorf("a value %s reads as %q, %v, %v", attack, got, ok, err)
		}
	}
	raw.Set(ctx, s.Name(mine), good, time.Minute)
	if v, ok, err := s.Take(ctx, mine); string(v) != "what she did" || !ok || err != nil {
		t.Errorf("%q %v %v", v, ok, err)
	}
	if ok, err := s.Add(ctx, mine, []byte("again"), time.Minute); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, err := s.Add(ctx, mine, []byte("twice"), time.Minute); ok || err != nil {
		t.Error(ok, err)
	}
	if err := s.Delete(ctx, mine); err != nil {
		t.Error(err)
	}
	if _, ok, err := s.Get(ctx, mine); ok || err != nil {
		t.Error(ok, err)
	}
	if err := s.Set(ctx, mine, make([]byte, maxValue+1), time.Minute); err == nil {
		t.Error("a value over 64 KiB is taken")
	}
}

// Logins under way are sealed by whom they are, at the places where gateways of the version before look for them.
func TestLoginsUnderWayAreWhereTheyWere(t *testing.T) {
	ctx := t.Context()
	r, err := OpenRedis(ctx, "redis://"+redisfleet.StartOver(t, nil).Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := Seal(r, box(t, 1))
	for _, tag := range []string{"login", "enrol", "webauthn-login"} {
		k := Key(tag, "hash of a token")
		if err := r.Set(ctx, k, []byte("sealed by the key ring"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if v, ok, err := s.Get(ctx, k); string(v) != "sealed by the key ring" || !ok || err != nil {
			t.Errorf("%s: %q %v %v", tag, v, ok, err)
		}
	}
	if k := Key("webauthnx", "1"); s.Name(k) == k {
		t.Error("another tag is taken for one of these")
	}
}

// Names keep the part that a Cluster hashes, and no two keys are one.
func TestNames(t *testing.T) {
	b := box(t, 1)
	seen := map[string]string{}
	for _, k := range []string{Key("t", "a"), Key("t", "a", "b"), Key("t", "ab"), Key("t", "}", "a"), Key("u", "a")} {
		name := b.Name(k)
		if before, ok := seen[name]; ok || !strings.HasPrefix(name, k[:6]) {
			t.Errorf("%s is called %s, as %s is", k, name, before)
		}
		seen[name] = k
		if name == box(t, 2).Name(k) {
			t.Errorf("%s has one name for all key rings", k)
		}
	}
	var none *Box
	if none.Name("k") != "k" || string(none.Seal([]byte("v"), "p")) != "v" || none.Mark("v", "p") != "v" {
		t.Error("no box changes what it is given")
	}
}
