package keyring

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// clock is the time of a test; it moves only when told to.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time      { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.at.Add(int64(d)) }

func openAt(t testing.TB, dir string, c *clock) *Ring {
	t.Helper()
	r, err := open(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Ring) mustLook(t testing.TB) {
	t.Helper()
	if err := r.look(); err != nil {
		t.Fatal(err)
	}
}

func states(r *Ring) string {
	var s []string
	for _, k := range r.Keys() {
		s = append(s, k.State)
	}
	return strings.Join(s, " ")
}

func published(t *testing.T, r *Ring, kid string) bool {
	t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, k := range set.Keys {
		for name := range k {
			if !strings.Contains(" kty crv x y kid alg use ", " "+name+" ") {
				t.Fatalf("the JWK Set shows %q", name)
			}
		}
		found = found || k["kid"] == kid
	}
	return found
}

// The life of a key, as another process sees it that only looks at the folder.
func TestRotation(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	here, there := openAt(t, dir, c), openAt(t, dir, c)
	old, _ := here.Signer()
	added, err := here.Rotate()
	if err != nil || added.State != Next || !added.From.Equal(c.now().Add(Lead)) {
		t.Fatalf("%+v %v", added, err)
	}
	if _, err := here.Rotate(); !errors.Is(err, ErrOnItsWay) {
		t.Fatal("a second one while the first waits:", err)
	}
	step := func(after time.Duration, signs string, verifies, ended []string, want string) {
		t.Helper()
		c.add(after)
		there.mustLook(t)
		for _, r := range []*Ring{here, there} {
			if kid, _ := r.Signer(); kid != signs {
				t.Fatalf("%s signs, want %s", kid, signs)
			}
			for _, kid := range verifies {
				if _, ok := r.Public(kid); !ok || !published(t, r, kid) {
					t.Fatalf("%s does not verify", kid)
				}
			}
			for _, kid := range ended {
				if _, ok := r.Public(kid); ok || published(t, r, kid) {
					t.Fatalf("%s verifies", kid)
				}
			}
			if s := states(r); s != want {
				t.Fatalf("states %q, want %q", s, want)
			}
		}
	}
	step(0, old, []string{old, added.ID}, nil, "signing next")
	step(Lead-time.Second, old, []string{old, added.ID}, nil, "signing next")
	step(time.Second, added.ID, []string{old, added.ID}, nil, "retired signing")
	step(Overlap-time.Second, added.ID, []string{old, added.ID}, nil, "retired signing")
	step(time.Second, added.ID, []string{added.ID}, []string{old}, "ended signing")
	if err := there.maintain(); err != nil {
		t.Fatal(err)
	}
	here.mustLook(t)
	step(0, added.ID, []string{added.ID}, []string{old}, "signing")
	if raw, err := os.ReadFile(filepath.Join(dir, signingFile)); err != nil || strings.Contains(string(raw), old) {
		t.Fatal("the ended key still lies in the file")
	}
}

// While keys rotate, what any gateway signs any other verifies, and tokens of an hour are verified to their end. Gateways look at the folder late, and
// their clocks differ.
func TestNothingIsRefusedWhileKeysRotate(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	fast, slow := newClock(), newClock()
	fast.at.Store(c.at.Load() + int64(20*time.Second))
	slow.at.Store(c.at.Load() - int64(20*time.Second))
	clocks := []*clock{c, fast, slow}
	var rings []*Ring
	for _, at := range clocks {
		r := openAt(t, dir, at)
		r.RotateEvery(24 * time.Hour)
		rings = append(rings, r)
	}
	type token struct {
		kid string
		end time.Time
	}
	var tokens []token
	kids := map[string]bool{}
	const step = 7 * time.Minute
	for i := range 5 * 24 * 60 / 7 {
		for _, at := range clocks {
			at.add(step)
		}
		// One of them looks at each step; the lead is longer than two.
		if i%2 == 0 {
			r := rings[i/2%len(rings)]
			if err := errors.Join(r.look(), r.maintain()); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range rings {
			if i%6 == 0 {
				r.mustLook(t)
			}
			kid, _ := r.Signer()
			kids[kid] = true
			tokens = append(tokens, token{kid, c.now().Add(time.Hour)})
		}
		live := tokens[:0]
		for _, tok := range tokens {
			if !c.now().Before(tok.end) {
				continue
			}
			live = append(live, tok)
			for n, r := range rings {
				if _, ok := r.Public(tok.kid); !ok {
					t.Fatalf("step %d: gateway %d refuses a token of %s, which has %v to live", i, n, tok.kid, tok.end.Sub(c.now()))
				}
			}
		}
		tokens = live
	}
	if len(kids) < 4 || len(kids) > 6 {
		t.Fatalf("%d keys signed in five days", len(kids))
	}
}

// Gateways that find a key old at the same moment replace it once.
func TestRotatedOnceByMany(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	rings := make([]*Ring, 8)
	for i := range rings {
		rings[i] = openAt(t, dir, c)
		rings[i].RotateEvery(24 * time.Hour)
	}
	c.add(25 * time.Hour)
	var wg sync.WaitGroup
	for _, r := range rings {
		wg.Go(func() {
			if err := r.maintain(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range rings {
		r.mustLook(t)
		if s := states(r); s != "signing next" {
			t.Fatal(s)
		}
	}
}

func TestNeverRotatedUnlessTold(t *testing.T) {
	c := newClock()
	r := openAt(t, t.TempDir(), c)
	c.add(10 * 365 * 24 * time.Hour)
	if err := r.maintain(); err != nil || states(r) != "signing" {
		t.Fatal(states(r), err)
	}
}

// A key in wrong hands is good for nothing, anywhere, once it is withdrawn.
func TestWithdraw(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	here, there := openAt(t, dir, c), openAt(t, dir, c)
	told := map[*Ring]int{}
	for _, r := range []*Ring{here, there} {
		r.OnWithdrawal(func() { told[r]++ })
	}
	there.OnWithdrawal(func() { t.Error("told who no longer asks") })()
	old, _ := here.Signer()
	waiting, err := here.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	there.mustLook(t)
	added, err := here.Withdraw()
	if err != nil || added.State != Signing {
		t.Fatalf("%+v %v", added, err)
	}
	c.add(lookAgain)
	if _, ok := there.Public(added.ID); !ok { // it has not looked since
		t.Fatal("a token of the new key is refused")
	}
	for _, r := range []*Ring{here, there} {
		for _, kid := range []string{old, waiting.ID} {
			if _, ok := r.Public(kid); ok || published(t, r, kid) {
				t.Fatal("a withdrawn key verifies")
			}
		}
		if kid, _ := r.Signer(); kid != added.ID || told[r] != 1 {
			t.Fatal(kid, told[r])
		}
	}
	// A key that ends at its time is not withdrawn.
	c.add(time.Hour)
	if _, err := here.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.add(24 * time.Hour)
	if err := here.maintain(); err != nil || states(here) != "signing" || told[here] != 1 {
		t.Fatal(states(here), told[here], err)
	}
}

// Forged tokens that name keys nobody knows make the folder be read now and then, not each time.
func TestUnknownKeysCostLittle(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := openAt(t, dir, c)
	if _, ok := r.Public("none"); ok {
		t.Fatal("found")
	}
	if err := os.Rename(filepath.Join(dir, signingFile), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	before := r.looked
	for range 1000 {
		if _, ok := r.Public("none"); ok {
			t.Fatal("found")
		}
	}
	if !r.looked.Equal(before) {
		t.Fatal("looked again at once")
	}
}

// What can't be read changes nothing: the keys in force stay, and it is told once.
func TestABrokenFolderChangesNothing(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := openAt(t, dir, c)
	kid, _ := r.Signer()
	path := filepath.Join(dir, signingFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	w := r.newWatch(Observer{Changed: func([]Key) { t.Error("changed") }, Failed: func(err error) { failed = append(failed, err.Error()) }})
	for name, broken := range map[string][]byte{"cut": raw[:len(raw)/2], "empty": nil, "no key": []byte(`{"keys":[]}`), "other": []byte(`[]`), "use_from": []byte(strings.Replace(string(raw), `"use_from": `, `"use_from": -`, 1))} {
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		w.failed, failed = time.Time{}, nil
		w.turn()
		w.turn()
		if len(failed) != 1 || !strings.Contains(failed[0], signingFile) || strings.Contains(failed[0], `"d"`) {
			t.Errorf("%s: %q", name, failed)
		}
		if got, _ := r.Signer(); got != kid {
			t.Fatal(name, "the key is gone")
		}
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.look(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error("readable by others:", err)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	here, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	there, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan []Key, 1)
	stop := there.Watch(Observer{Changed: func(k []Key) { changed <- k }, Failed: func(err error) { t.Error(err) }})
	defer stop()
	if _, err := here.Rotate(); err != nil {
		t.Fatal(err)
	}
	select {
	case keys := <-changed:
		if len(keys) != 2 || keys[1].State != Next {
			t.Fatalf("%+v", keys)
		}
	case <-time.After(2 * lookEvery):
		t.Fatal("not heard of")
	}
}

// A file as gateways before had it, and as it was rotated by hand: the first signs, all verify, and the first rotation makes it as new ones are.
func TestKeysWithoutATime(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	openAt(t, dir, c)
	var keys []json.RawMessage
	for range 2 {
		raw, err := newSigning(c.now())
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(raw, &set); err != nil {
			t.Fatal(err)
		}
		delete(set.Keys[0], fromMember)
		one, err := json.Marshal(set.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, one)
	}
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, signingFile), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := openAt(t, dir, c)
	if s := states(r); s != "signing retired" || r.Keys()[1].Until != (time.Time{}) {
		t.Fatal(s)
	}
	if _, err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.add(Lead + Overlap)
	if err := r.maintain(); err != nil || states(r) != "signing" {
		t.Fatal(states(r), err)
	}
}

// Root rotates the keys of a gateway that runs as somebody else: it must go on reading them.
func TestRootKeepsTheOwner(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := openAt(t, dir, c)
	path := filepath.Join(dir, signingFile)
	want := os.Geteuid()
	if want == 0 {
		want = 12345
		for _, p := range []string{dir, path} {
			if err := os.Chown(p, want, want); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, change := range []func() (Key, error){r.Rotate, r.Withdraw} {
		if _, err := change(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != want || info.Mode().Perm() != 0o600 {
			t.Fatalf("%+v %v", info.Sys(), err)
		}
	}
}
