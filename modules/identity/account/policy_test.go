package account

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/database"
)

func TestTheFilter(t *testing.T) {
	if n := len(breachedFilter) / filterBytes; n < 200_000 || len(breachedFilter)%filterBytes != 0 || len(breachedFilter) > 2<<20 {
		t.Fatalf("the embedded list has %d passwords, %d bytes", n, len(breachedFilter))
	}
	for _, leaked := range []string{"password", "PASSWORD1234", "iloveyou!!", "qwertyuiop", "1q2w3e4r5t", "trustno1!", "ｐａｓｓｗｏｒｄ", "motdepasse123456"} {
		if !breached(leaked) {
			t.Errorf("%q is not in the list", leaked)
		}
	}
	for _, good := range []string{"otter-lamp-quarry-58", "correct tulip engine nebula", "", "!!!!!!"} {
		if breached(good) {
			t.Errorf("%q is in the list", good)
		}
	}
}

// What we list ourselves is in the embedded filter: it was made of today's list.
func TestTheFilterIsMade(t *testing.T) {
	raw, err := os.ReadFile("mkbreached/own.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "# ") && !inFilter(breachedFilter, line) {
			t.Errorf("%q is not in the filter: run mkbreached", line)
		}
	}
}

// lower is not EqualFold: the list is asked in lower case, and a letter such as ſ has another one after it was a capital.
func lower(p string) string { return strings.ToLower(p) }

func TestFilterProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.StringN(0, 20, 60)).Draw(t, "list")
		filter := MakeFilter(list)
		for _, p := range list {
			if len([]rune(p)) >= filterFrom && !inFilter(filter, strings.ToUpper(p)) && lower(strings.ToUpper(p)) == lower(p) {
				t.Fatalf("%q was put in and is not found", p)
			}
		}
		if inFilter(filter, "otter-lamp-quarry-58") {
			t.Fatal("what was not put in is found")
		}
	})
}

func TestPolicies(t *testing.T) {
	refuses := func(p Policy, typed, why string, words ...string) {
		t.Helper()
		var weak WeakPassword
		err := p.Refuse(ctx, typed, words...)
		if why == "" && err != nil || why != "" && (!errors.As(err, &weak) || !strings.Contains(weak.Reason, why)) {
			t.Errorf("%q: %v, want %q", typed, err, why)
		}
	}
	p := DefaultPolicy
	p.MinLength, p.MaxLength, p.Words = 15, 64, []string{"ConvoSphere"}
	refuses(p, "xK9#mQ2$tulipe", "at least 15")
	refuses(p, strings.Repeat("xK9#mQ2$", 8)+"z", "at most 64")
	refuses(p, strings.Repeat("xK9#mQ2$", 8), "")
	refuses(p, "convosphereconvosphere1", "guess")
	refuses(p, "ursula.meier@example.org", "guess", "ursula.meier@example.org")
	p.Strength = 0
	refuses(p, "abcabcabcdabcabcabcdd", "")
	// Word by word, what belongs to the person.
	refuses(DefaultPolicy, "meierursula1", "guess", "", "Ursula Meier")
	for _, bad := range []func(*Policy){
		func(p *Policy) { p.MinLength = 7 }, func(p *Policy) { p.MinLength = 65 }, func(p *Policy) { p.MaxLength = 63 }, func(p *Policy) { p.MaxLength = 129 },
		func(p *Policy) { p.Strength = 5 }, func(p *Policy) { p.History = 25 }, func(p *Policy) { p.MaxAge = time.Hour }, func(p *Policy) { p.Words = make([]string, 65) },
	} {
		p := DefaultPolicy
		bad(&p)
		if p.Check() == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	if err := DefaultPolicy.Check(); err != nil {
		t.Error(err)
	}
}

type list func(string) (bool, error)

func (l list) Leaked(_ context.Context, p string) (bool, error) { return l(p) }

func TestTheLargeListIsAsked(t *testing.T) {
	p := DefaultPolicy
	p.Breached = list(func(p string) (bool, error) { return p == "otter-lamp-quarry-58", nil })
	var weak WeakPassword
	if err := p.Refuse(ctx, "ｏtter-lamp-quarry-58"); !errors.As(err, &weak) { // in its normal form
		t.Error(err)
	}
	if err := p.Refuse(ctx, "correct tulip engine nebula"); err != nil {
		t.Error(err)
	}
	p.Breached = list(func(string) (bool, error) { return false, errors.New("away") })
	if err := p.Refuse(ctx, "correct tulip engine nebula"); err == nil || errors.As(err, &weak) {
		t.Error("a list that can't be asked passes the password:", err)
	}
}

func TestOldPasswordsDoNotComeBack(t *testing.T) {
	h := newHouse(t)
	p := DefaultPolicy
	p.History = 2
	h.Store = h.With(p)
	a := h.person("ursula", "")
	now := noon
	set := func(password string) error {
		t.Helper()
		a, err := h.ByID(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := h.NewPassword(ctx, a, password)
		if err != nil {
			return err
		}
		now = now.Add(time.Minute)
		return h.tx(func(tx *database.Tx) error { return h.SetPassword(ctx, tx, now, a.ID, hash) })
	}
	var weak WeakPassword
	passwords := []string{testPassword}
	for i := range 4 {
		passwords = append(passwords, fmt.Sprintf("violet-anchor-%d-tulip-93", i))
	}
	for _, next := range passwords[1:] {
		if err := set(next); err != nil {
			t.Fatal(err)
		}
	}
	// Today's and the two before it are refused, also in another spelling; the third is forgotten.
	for _, again := range []string{passwords[4], passwords[3], passwords[2], strings.Replace(passwords[3], "v", "ｖ", 1)} {
		if err := set(again); !errors.As(err, &weak) {
			t.Errorf("%q came back: %v", again, err)
		}
	}
	var kept int
	if err := h.db.QueryRow(ctx, `SELECT COUNT(*) FROM old_passwords`).Scan(&kept); err != nil || kept != 2 {
		t.Errorf("%d old passwords are kept: %v", kept, err)
	}
	if err := set(passwords[1]); err != nil {
		t.Error(err)
	}
	// Without a history none is kept, and what was kept goes with the next change.
	h.Store = h.With(DefaultPolicy)
	if err := set("a-quite-other-otter-77"); err != nil {
		t.Fatal(err)
	}
	if err := h.db.QueryRow(ctx, `SELECT COUNT(*) FROM old_passwords`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d old passwords are kept: %v", kept, err)
	}
}

func TestPasswordsExpire(t *testing.T) {
	h := newHouse(t)
	a := h.person("ursula", "")
	if h.Expired(a, noon.Add(100*365*24*time.Hour)) {
		t.Error("passwords expire by default")
	}
	p := DefaultPolicy
	p.MaxAge = 90 * 24 * time.Hour
	if s := h.With(p); s.Expired(a, noon.Add(p.MaxAge)) || !s.Expired(a, noon.Add(p.MaxAge+1)) {
		t.Error("max_age")
	}
}
