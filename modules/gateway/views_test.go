package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	"github.com/convosphere/gateway/test/stop"
)

func views(t *testing.T, app map[string]any) (*ground.Ground, *viewtest.Views) {
	t.Helper()
	if app["data_dir"] == nil {
		app["data_dir"] = t.TempDir()
	}
	stop.After(t)
	g, err := load(t, app)
	if err != nil {
		t.Fatal(err)
	}
	return g, viewtest.Of(t, g.Views)
}

func TestViewOfBans(t *testing.T) {
	g, v := views(t, map[string]any{"allow": []string{"203.0.113.0/28"}})
	done := v.Must("bans", "add", "", map[string]string{"prefix": "192.0.2.7", "for": "1h", "reason": "guesses passwords"})
	v.Must("bans", "add", "", map[string]string{"prefix": "198.51.100.0/24", "for": ""})
	if _, banned := g.Bans.Banned(netip.MustParseAddr("192.0.2.7")); !banned {
		t.Fatal("it says that it banned")
	}
	for query, want := range map[string][]string{
		"": {"198.51.100.0_24", "192.0.2.7"}, "sort=-expires": {"198.51.100.0_24", "192.0.2.7"}, "address=198.51.100.4": {"198.51.100.0_24"},
		"reason=PASSWORDS": {"192.0.2.7"}, "source=abuse": nil, "source=operator&limit=1": {"198.51.100.0_24"},
	} {
		if got := v.IDs("bans", query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", query, got, want)
		}
	}
	if v.Tile("bans", "in-force") != int64(2) {
		t.Error(v.Tile("bans", "in-force"))
	}
	if i := v.Item("bans", "198.51.100.0_24"); i.Title != "198.51.100.0/24" || i.Sections[0].Facts[3].Value != "until it is lifted" {
		t.Errorf("%+v", i)
	}
	// Both ways: the ban is lifted and comes back as it was.
	lifted := v.Undo(done)
	if got := v.IDs("bans", "address=192.0.2.7"); got != nil {
		t.Error("it is still there:", got)
	}
	v.Undo(lifted)
	if i := v.Item("bans", "192.0.2.7"); i.Sections[0].Facts[0].Value != "guesses passwords" {
		t.Errorf("%+v", i)
	}
	for _, refused := range []struct {
		action, id string
		values     map[string]string
		want       error
	}{
		{"lift", "192.0.2.99", nil, view.ErrNotFound},
		{"lift", "nonsense", nil, view.ErrNotFound},
		{"add", "", map[string]string{"prefix": "203.0.113.3"}, view.ErrRefused}, // on the allowlist
		{"add", "", map[string]string{"prefix": "10.0.0.0/7"}, view.ErrRefused},  // too broad
		{"add", "", map[string]string{"prefix": "here"}, view.ErrMalformed},
		{"add", "", map[string]string{}, view.ErrMalformed},
		{"import", "", map[string]string{"name": "UPPER", "list": "192.0.2.1"}, view.ErrMalformed},
		{"import", "", map[string]string{"name": "x", "list": "nonsense"}, view.ErrMalformed},
	} {
		if done, err := v.Do("bans", refused.action, refused.id, refused.values); !errors.Is(err, refused.want) {
			t.Errorf("%s %s %v: %+v, %v", refused.action, refused.id, refused.values, done, err)
		}
	}
}

// A moderator bans an address; what shuts out half of the world, administrators alone.
func TestOnlyAdministratorsForceABan(t *testing.T) {
	g, v := views(t, map[string]any{})
	broad := map[string]string{"prefix": "10.0.0.0/7", "force": "true"}
	for name, may := range map[string]func(context.Context, string) bool{"nobody says": nil, "not": func(_ context.Context, p string) bool { return p != view.Admin }} {
		v.Who.May = may
		if _, err := v.Do("bans", "add", "", broad); !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.Who.May = func(context.Context, string) bool { return true }
	done := v.Must("bans", "add", "", broad)
	if g.Bans.Size() != 1 {
		t.Fatal("it says that it banned")
	}
	v.Undo(v.Undo(done)) // also what only force brings back
	for _, name := range []string{"import", "clear"} {
		if a, _ := v.View("bans").Action(name); a.Permission != view.Admin {
			t.Errorf("%s needs %s", name, a.Permission)
		}
	}
}

func TestViewOfBansTakesLists(t *testing.T) {
	_, v := views(t, map[string]any{})
	done := v.Must("bans", "import", "", map[string]string{"name": "drop", "for": "", "list": "192.0.2.0/24 # bad\n198.51.100.7\n127.0.0.1"})
	if !strings.HasPrefix(done.Message, "2 banned") || !strings.Contains(done.Message, "1 left out") {
		t.Error(done.Message)
	}
	for deadline := time.Now().Add(30 * time.Second); len(v.IDs("bans", "source=import:drop")) != 2 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if v.Undo(done); len(v.IDs("bans", "source=import:")) != 0 {
		for deadline := time.Now().Add(30 * time.Second); len(v.IDs("bans", "")) != 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the list is not lifted")
			}
		}
	}
}

func TestViewOfChallenges(t *testing.T) {
	g, v := views(t, map[string]any{"allow": []string{"203.0.113.0/28"}})
	bad := netip.MustParseAddr("192.0.2.66")
	for range 3 {
		g.Abuse.Note(bad, abuse.Attack)
		g.Abuse.NoteUser(bad, "villain", abuse.Attack)
	}
	for query, want := range map[string][]string{
		"": {"client-192.0.2.66", "user-villain"}, "level=tight": {"client-192.0.2.66", "user-villain"}, "level=banned": nil, "user=villain": {"user-villain"},
		"client=192.0.2.66": {"client-192.0.2.66"}, "sort=user": {"client-192.0.2.66", "user-villain"}, "client=192.0.2.66&user=nobody": nil,
	} {
		if got := v.IDs("challenges", query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", query, got, want)
		}
	}
	if v.Tile("challenges", "tight") != int64(2) || v.Item("challenges", "client-192.0.2.66").State != "tight" {
		t.Error("the levels are others")
	}
	v.Must("challenges", "forgive", "client-192.0.2.66", nil)
	v.Must("challenges", "forgive", "user-villain", nil)
	if got := v.IDs("challenges", ""); got != nil {
		t.Error("points are left:", got)
	}
	for _, id := range []string{"", "client-x", "user-", "user-" + strings.Repeat("x", 300), "villain"} {
		if _, err := v.Do("challenges", "forgive", id, nil); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestViewOfChallengesWhereNothingIsCounted(t *testing.T) {
	_, v := views(t, map[string]any{"abuse": map[string]any{"off": true}})
	if v.Tile("challenges", "off") != "off" || v.IDs("challenges", "") != nil {
		t.Error("it shows something")
	}
	if _, err := v.Do("challenges", "forgive", "user-a", nil); !errors.Is(err, view.ErrRefused) {
		t.Error(err)
	}
}

// Who looks at keys sees how old they are, never a key; all of it is for administrators.
func TestViewOfKeys(t *testing.T) {
	g, v := views(t, map[string]any{})
	for _, name := range []string{"rooms/one", "rooms/two", "tenant"} {
		if _, err := g.DataKeys.New(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w := v.View("keys")
	if w.Permission != view.Admin {
		t.Error("others than administrators see keys")
	}
	for _, a := range w.Actions {
		if a.Permission != view.Admin {
			t.Errorf("others than administrators may %s", a.Name)
		}
	}
	first := v.Rows("keys", "limit=2")
	rest := v.Rows("keys", "limit=2&after="+first.Next)
	if len(first.Rows) != 2 || len(rest.Rows) != 1 || rest.Next != "" || rest.Rows[0].Cells[0] != "tenant" {
		t.Errorf("%+v %+v", first, rest)
	}
	if got := v.IDs("keys", "name=rooms/"); len(got) != 2 {
		t.Error(got)
	}
	id := rest.Rows[0].ID
	v.Must("keys", "rotate", id, nil)
	if got := v.Cell("keys", "", id, "versions"); got != int64(2) {
		t.Error("versions:", got)
	}
	disabled := v.Must("keys", "disable", id, nil)
	if got := v.Cell("keys", "", id, "state"); got != "disabled" {
		t.Error(got)
	}
	if _, err := v.Do("keys", "rotate", id, nil); !errors.Is(err, view.ErrRefused) {
		t.Error("a disabled set is rotated:", err)
	}
	v.Undo(disabled)
	if _, err := v.Do("keys", "destroy", id, map[string]string{"name": "another"}); !errors.Is(err, view.ErrRefused) {
		t.Error("it was destroyed under another name:", err)
	}
	v.Must("keys", "destroy", id, map[string]string{"name": "tenant"})
	if i := v.Item("keys", id); i.State != "destroyed" || len(i.Actions) != 0 || i.Actions == nil {
		t.Errorf("%+v", i)
	}
	before, _ := g.Keys.Signer()
	v.Must("keys", "rotate-signing", "", nil)
	if _, err := v.Do("keys", "rotate-signing", "", nil); !errors.Is(err, view.ErrRefused) {
		t.Error("two keys are on their way:", err)
	}
	v.Must("keys", "withdraw-signing", "", nil)
	if after, _ := g.Keys.Signer(); after == before {
		t.Error("what was withdrawn signs")
	}
	v.Must("keys", "rewrap", "", nil)
	v.Hides("keys", secretsOf(t, filepath.Join(g.DataDir, "keys"))...)
	for _, id := range []string{"", "nonsense"} {
		if _, err := v.View("keys").Item(t.Context(), id); !errors.Is(err, view.ErrNotFound) {
			t.Error(err)
		}
	}
}

// secretsOf are the members of the key files that nobody may see.
func secretsOf(t *testing.T, dir string) (secrets []string) {
	t.Helper()
	for _, name := range []string{"signing.json", "data.json"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			Keys []struct{ D string } `json:"keys"`
			Key  []struct {
				KeyData struct{ Value string } `json:"keyData"`
			} `json:"key"`
		}
		if err := json.Unmarshal(raw, &set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			secrets = append(secrets, k.D)
		}
		for _, k := range set.Key {
			secrets = append(secrets, k.KeyData.Value)
		}
	}
	if len(secrets) < 2 || slices.Contains(secrets, "") {
		t.Fatal("the key files are others")
	}
	return secrets
}

func TestViewOfOutputs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out", "events.jsonl")
	_, v := views(t, map[string]any{"data_dir": dir, "events": map[string]any{"outputs": map[string]any{
		"siem": map[string]any{"kind": "webhook", "to": "http://127.0.0.1:1/services/T0KEN-IN-THE-PATH", "secret": "hush-hush", "headers": map[string]string{"Authorization": "Bearer open-sesame"}},
		"disk": map[string]any{"kind": "file", "to": file, "only": []string{"login"}},
	}}})
	if got := v.IDs("outputs", ""); !slices.Equal(got, []string{"disk", "siem"}) {
		t.Error(got)
	}
	if got := v.Cell("outputs", "", "siem", "to"); got != "http://127.0.0.1:1" {
		t.Error(got)
	}
	if got := v.Cell("outputs", "", "disk", "to"); got != file {
		t.Error(got)
	}
	v.Hides("outputs", "T0KEN", "hush-hush", "open-sesame")
	for deadline := time.Now().Add(30 * time.Second); v.Cell("outputs", "", "siem", "state") != "away"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody is there, and it is not said")
		}
	}
	if got := v.IDs("outputs", "state=away"); !slices.Equal(got, []string{"siem"}) {
		t.Error(got)
	}
	if _, err := v.View("outputs").Item(t.Context(), "another"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

func TestPlaceOf(t *testing.T) {
	for in, want := range map[string]string{
		"rediss://gw:pass@redis.example:6379/1": "rediss://redis.example:6379", "https://hooks.example/T/SECRET?k=v": "https://hooks.example",
		"tls://siem.example:6514": "tls://siem.example:6514", "{env.WEBHOOK}": "{env.WEBHOOK}", "redis://:p{env.X}@h": "…", "": "the store", "pass@host": "…",
	} {
		if got := placeOf(&EventOutput{Kind: "webhook", To: in}); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// First a log that is what was signed, then one with an event that somebody changed.
func TestViewOfTheAuditLog(t *testing.T) {
	g, v := views(t, map[string]any{})
	if v.Tile("audit", "verified") != "never" {
		t.Error(v.Tile("audit", "verified"))
	}
	v.Must("audit", "checkpoint", "", nil)
	verify := func(want string) {
		t.Helper()
		v.Must("audit", "verify", "", nil)
		for deadline := time.Now().Add(30 * time.Second); v.Tile("audit", "verified") == "running"; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not end")
			}
		}
		if got := v.Tile("audit", "verified"); got != want {
			t.Fatalf("%v, not %s: %s", got, want, v.Tells("audit"))
		}
	}
	verify("intact")
	if p := v.Rows("audit", ""); len(p.Rows) != 0 || p.Note != "All of it is what was signed." {
		t.Errorf("%+v", p)
	}
	tamper(t, filepath.Join(g.DataDir, "audit", "segments"))
	verify("altered")
	if p := v.Rows("audit", "kind=changed"); len(p.Rows) == 0 || !strings.Contains(p.Note, "NOT") {
		t.Errorf("%+v", p)
	}
	if p := v.Rows("audit", "kind=key"); len(p.Rows) != 0 {
		t.Errorf("%+v", p)
	}
}

// tamper changes a word in the first event.
func tamper(t *testing.T, dir string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	raw, err := os.ReadFile(all[0])
	if err == nil {
		err = os.WriteFile(all[0], []byte(strings.Replace(string(raw), `"event.action":"`, `"event.action":"x`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A verification that runs is one, and ends with the gateway.
func TestOneVerificationAtATime(t *testing.T) {
	dir := t.TempDir()
	g, _ := views(t, map[string]any{"data_dir": dir})
	verifier := newVerifier(filepath.Join(dir, "audit"), g)
	verifier.now = time.Now() // one that runs
	if err := verifier.start(); !errors.Is(err, errVerifying) {
		t.Error(err)
	}
	verifier.now = time.Time{}
	if err := verifier.close(); err != nil {
		t.Error(err)
	}
	if err := verifier.start(); !errors.Is(err, context.Canceled) {
		t.Error("it begins after the end:", err)
	}
}

// What is not kept is not shown.
func TestNoViewOfNoAuditLog(t *testing.T) {
	g, _ := views(t, map[string]any{"events": map[string]any{"log": map[string]any{"off": true}}})
	if _, ok := g.Views.Get("audit"); ok {
		t.Error("there is no log to look at")
	}
}
