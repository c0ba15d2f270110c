package session

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/identity/token"
)

func TestRefreshRotates(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	for range 5 {
		n.clock.add(4 * time.Minute)
		next, err := n.Refresh(ctx, r.Tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if next.Tokens.Refresh == r.Tokens.Refresh || next.Tokens.Access == r.Tokens.Access || next.Identity.Session != r.Identity.Session {
			t.Fatal("not rotated")
		}
		if !next.Identity.AuthTime.Equal(r.Identity.AuthTime) {
			t.Fatal("a refresh is no new authentication")
		}
		n.mustVerify(next.Tokens.Access)
		deadline, err := n.Deadline(ctx, next.Identity.Session)
		if err != nil || !deadline.Equal(next.Tokens.AccessExpires) {
			t.Fatalf("deadline %v %v, want %v", deadline, err, next.Tokens.AccessExpires)
		}
		r = next
	}
}

func TestRefreshReuseEndsTheFamily(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	first := n.login("ursula", "")
	stolen := first.Tokens.Refresh
	second, err := n.Refresh(ctx, stolen)
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(grace + time.Second)
	if _, err := n.Refresh(ctx, stolen); err != ErrSession {
		t.Fatal("a spent refresh token worked:", err)
	}
	if _, err := n.Refresh(ctx, second.Tokens.Refresh); err != ErrSession {
		t.Fatal("the family survived the reuse:", err)
	}
	if _, err := n.Verify(ctx, second.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Fatal("its access token survived:", err)
	}
	if n.events.count("refresh-reuse", "failure") != 1 {
		t.Fatal("no event of the reuse")
	}
}

func TestRefreshReuseWithinGraceAfterTwoRotations(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	grandparent := r.Tokens.Refresh
	for range 2 {
		var err error
		if r, err = n.Refresh(ctx, r.Tokens.Refresh); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Refresh(ctx, grandparent); err != ErrSession {
		t.Fatal(err)
	}
	if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
		t.Fatal("the family survived:", err)
	}
}

func TestForgedRefreshEndsNothing(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("eve", false)
	r := n.login("ursula", "")
	eve := n.login("eve", "")
	sid, good := r.Identity.Session, r.Tokens.Refresh
	_, evesSecret, _ := strings.Cut(eve.Tokens.Refresh, ".")
	for _, forged := range []string{
		"", ".", sid, sid + ".", sid + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 48)), // the id alone is no secret
		sid + "." + evesSecret, good + "=", good + "\n", " " + good, strings.ToLower(good), good[:len(good)-1], strings.Repeat(good, 100),
		lastBitFlipped(good),
	} {
		if _, err := n.Refresh(ctx, forged); err != ErrSession {
			t.Errorf("%.40q: %v", forged, err)
		}
	}
	if _, err := n.Refresh(ctx, good); err != nil {
		t.Fatal("a forged token ended the session:", err)
	}
}

func lastBitFlipped(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[i^1])
}

func TestParallelRefreshGivesOneSuccessor(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	r := n.login("ursula", "")
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for range 8 { // tabs, on two nodes
		for _, on := range []*node{n, other} {
			wg.Go(func() {
				next, err := on.Refresh(ctx, r.Tokens.Refresh)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				got[next.Tokens.Refresh]++
			})
		}
	}
	wg.Wait()
	if len(got) != 1 {
		t.Fatalf("%d different successors", len(got))
	}
	for next := range got {
		if _, err := other.Refresh(ctx, next); err != nil {
			t.Fatal("the successor does not work:", err)
		}
	}
}

func TestIdleAndAbsoluteLimits(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	n.clock.add(30 * time.Minute)
	if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
		t.Fatal("an idle session was refreshed:", err)
	}

	r = n.login("ursula", "")
	begun := n.clock.now()
	for {
		n.clock.add(20 * time.Minute)
		next, err := n.Refresh(ctx, r.Tokens.Refresh)
		age := n.clock.now().Sub(begun)
		if err != nil {
			if err != ErrSession || age < 12*time.Hour {
				t.Fatalf("after %v: %v", age, err)
			}
			return
		}
		if age >= 12*time.Hour || next.Tokens.RefreshExpires.After(begun.Add(12*time.Hour)) || next.Tokens.AccessExpires.After(begun.Add(12*time.Hour)) {
			t.Fatal("a session outlived its absolute limit")
		}
		r = next
	}
}

func TestUseAfterLogout(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	for name, out := range map[string]func(r Result) error{
		"refresh token": func(r Result) error { return n.Logout(ctx, r.Tokens.Refresh, "") },
		"session id":    func(r Result) error { return n.Logout(ctx, "", r.Identity.Session) },
		"both":          func(r Result) error { return n.Logout(ctx, r.Tokens.Refresh, r.Identity.Session) },
	} {
		r := n.login("ursula", "")
		n.mustVerify(r.Tokens.Access)
		other.mustVerify(r.Tokens.Access)
		if err := out(r); err != nil {
			t.Fatal(name, err)
		}
		if _, ok := n.Known(r.Tokens.Access); ok {
			t.Fatal(name, "the token is known after the logout, in the same process")
		}
		if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
			t.Fatal(name, err)
		}
		eventually(t, func() bool { _, ok := other.Known(r.Tokens.Access); return !ok })
		if _, err := other.Verify(ctx, r.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
			t.Fatal(name, err)
		}
		if err := out(r); err != nil {
			t.Fatal(name, "a second logout fails:", err)
		}
	}
	if err := n.Logout(ctx, "garbage", "unknown"); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for the news between processes, which takes less than a second where the machine has nothing else to do.
func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
		if time.Now().After(end) {
			t.Fatal("not seen")
		}
	}
}

// Whatever the order of refreshes, replays, waits and logouts: at most one chain of refresh tokens lives, a spent token beyond the window
// never works again, and once one is reused none works.
func TestRefreshProperty(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	rapid.Check(t, func(rt *rapid.T) {
		r, err := n.Login(ctx, attempt("ursula"))
		if err != nil {
			rt.Fatal(err)
		}
		chain, rotated, dead := []string{r.Tokens.Refresh}, n.clock.now().Add(-time.Hour), false
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) { n.clock.add(time.Duration(rapid.IntRange(1, 15).Draw(rt, "s")) * time.Second) },
			"use": func(rt *rapid.T) {
				i := len(chain) - 1 - rapid.IntRange(0, min(2, len(chain)-1)).Draw(rt, "back")
				got, err := n.Refresh(ctx, chain[i])
				repeated := i == len(chain)-2 && n.clock.now().Sub(rotated) <= grace
				switch {
				case dead:
					if err != ErrSession {
						rt.Fatal("a dead family answered", err)
					}
				case i == len(chain)-1:
					if err != nil {
						rt.Fatal(err)
					}
					chain, rotated = append(chain, got.Tokens.Refresh), n.clock.now()
				case repeated:
					if err != nil || got.Tokens.Refresh != chain[len(chain)-1] {
						rt.Fatal("not the same successor", err)
					}
				default:
					if err != ErrSession {
						rt.Fatal("a spent token worked", err)
					}
					dead = true
				}
			},
		})
	})
}

func FuzzRefreshToken(f *testing.F) {
	m := &Manager{proof: []byte("proof"), next: []byte("next")}
	sid := strings.Repeat("A", 26)
	f.Add(m.refreshToken(sid, make([]byte, 32)))
	f.Add(sid + ".")
	f.Add("")
	f.Fuzz(func(t *testing.T, raw string) {
		sid, secret, ok := m.parseRefresh(raw)
		if ok && m.refreshToken(sid, secret) != raw {
			t.Fatalf("two spellings of one token: %q", raw)
		}
	})
}
