package session

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

// onRedis is a node on a Redis of its own, and that as who runs it has it.
func onRedis(t *testing.T) (*node, *redis.Client) {
	t.Helper()
	s := redistest.Start(t)
	n := newSQLiteNode(t)
	box, err := store.NewBox(n.Keys.Derive("store"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenRedis(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	raw := s.Client()
	t.Cleanup(func() { _, _ = r.Close(), raw.Close() })
	n.Store = store.Seal(r, box)
	return n, raw
}

// keep is what whoever runs the Redis can take a copy of, and putBack what they can make of it.
func keep(t *testing.T, raw *redis.Client) map[string]string {
	t.Helper()
	kept := map[string]string{}
	keys, err := raw.Keys(ctx, "*").Result()
	for _, k := range keys {
		if err == nil {
			kept[k], err = raw.Get(ctx, k).Result()
		}
	}
	if err != nil || len(kept) == 0 {
		t.Fatal(err, kept)
	}
	return kept
}

func putBack(t *testing.T, raw *redis.Client, kept map[string]string) {
	t.Helper()
	err := raw.FlushAll(ctx).Err() // the counts of tries, too
	for k, v := range kept {
		err = errors.Join(err, raw.Set(ctx, k, v, 0).Err())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever runs the Redis keeps a login that waits for its second step and puts it back when its time is over: it does not go on.
func TestALoginPutBackAfterItsEndIsRefused(t *testing.T) {
	n, raw := onRedis(t)
	secret := n.person("mona", true)
	first, err := n.Login(ctx, attempt("mona"))
	if err != nil {
		t.Fatal(err)
	}
	kept := keep(t, raw)
	goOn := func() error {
		_, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona"))
		return err
	}
	n.clock.add(pendingLife - time.Second)
	putBack(t, raw, kept)
	if err := goOn(); err != nil {
		t.Fatal("within its time it goes on:", err)
	}
	n.clock.add(time.Second)
	putBack(t, raw, kept)
	if err := goOn(); err != ErrSession {
		t.Fatal("a login whose time is over goes on:", err)
	}
}

// The same of an app's enrolment within a login, and of all that waits in the store.
func TestWhatIsPutBackAfterItsEndIsRefused(t *testing.T) {
	n, raw := onRedis(t)
	token := strings.Repeat("A", 26)
	for name, c := range map[string]struct {
		life time.Duration
		put  waits
		get  func() error
	}{
		"login":    {pendingLife, &pending{Account: "a"}, func() error { return n.get(ctx, "login", token, &pending{}, pendingLife) }},
		"enrol":    {enrolLife, &enrolling{Account: "a"}, func() error { return n.get(ctx, "enrol", token, &enrolling{}, enrolLife) }},
		forPasskey: {factor.ChallengeLife, &ceremony{}, func() error { return n.takeInto(ctx, forPasskey, token, &ceremony{}) }},
		forLogin:   {factor.ChallengeLife, &ceremony{}, func() error { return n.takeInto(ctx, forLogin, token, &ceremony{}) }},
	} {
		if err := n.put(ctx, name, token, c.put, c.life); err != nil {
			t.Fatal(err)
		}
		kept := keep(t, raw)
		n.clock.add(c.life - time.Second)
		putBack(t, raw, kept)
		if err := c.get(); err != nil {
			t.Errorf("%s within its time: %v", name, err)
		}
		n.clock.add(time.Second)
		putBack(t, raw, kept)
		if err := c.get(); err != ErrSession {
			t.Errorf("%s after its end: %v", name, err)
		}
	}
}

// What v0.9.0 seals has no end: it is good for as long as the store has it, so that a login that begins there ends here. What is sealed here, v0.9.0 reads.
func TestLoginsOfTheReleaseBeforeGoOn(t *testing.T) {
	n, raw := onRedis(t)
	secret := n.person("mona", true)
	a, err := n.Accounts.ByName(ctx, "mona")
	if err != nil {
		t.Fatal(err)
	}
	token := strings.Repeat("B", 26)
	theirs, err := json.Marshal(map[string]any{"a": a.ID, "r": a.Revision, "t": n.Now(), "m": []string{"pwd"}}) // as v0.9.0 writes it
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := n.Keys.Seal(theirs, pendingKey("login", token))
	if err == nil {
		err = n.Store.Set(ctx, pendingKey("login", token), sealed, pendingLife)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.TOTP(ctx, token, n.code(secret, 0), attempt("mona")); err != nil {
		t.Fatal("a login of the release before does not go on here:", err)
	}
	if _, err := n.Login(ctx, attempt("mona")); err != nil {
		t.Fatal(err)
	}
	for key, sealed := range keep(t, raw) {
		if !strings.HasPrefix(key, "gw:{login}") {
			continue
		}
		plain, err := n.Keys.Unseal([]byte(sealed), key)
		var mine struct {
			Account  string    `json:"a"`
			Revision int64     `json:"r"`
			AuthTime time.Time `json:"t"`
			Methods  []string  `json:"m"`
		}
		if err = errors.Join(err, json.Unmarshal(plain, &mine)); err != nil || mine.Account != a.ID || mine.AuthTime.IsZero() || len(mine.Methods) != 1 {
			t.Errorf("v0.9.0 does not read %s: %v", plain, err)
		}
		return
	}
	t.Error("no login waits")
}

// A challenge had its end in every release.
func TestAChallengeWithoutAnEndIsOver(t *testing.T) {
	if !new(ceremony).over(time.Now()) {
		t.Error("it goes on")
	}
}

// termOrNone is for as long as gateways of v0.9.0 may run beside this one.
func TestWhatHasNoEndIsTakenBesideV090Alone(t *testing.T) {
	previous, err := os.ReadFile("../../../test/upgrade/previous")
	if err != nil || !strings.HasPrefix(string(previous), "v0.9.0 ") {
		t.Errorf("the release before seals its logins with an end: replace termOrNone with term (%v)", err)
	}
}
