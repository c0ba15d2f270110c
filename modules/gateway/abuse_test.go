package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/test/stop"
)

func TestAbuseCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"abuse off": `{"abuse":{"off":true}}`,
		"abuse {\n points attack 20 login 0\n points limited 2\n half_life 1h\n tight 5\n challenge off\n ban 99 5m 7d\n}": `{"abuse":{"points":{"attack":20,"limited":2,"login":0},` +
			`"half_life":3600000000000,"tight":5,"challenge":-1,"ban":99,"first":300000000000,"longest":604800000000000}}`,
		"abuse {\n ban off\n}":     `{"abuse":{"ban":-1}}`,
		"abuse {\n ban 200 30d\n}": `{"abuse":{"ban":200,"first":2592000000000000}}`,
	} {
		got, err := adapt(t, "gateway {\n "+body+"\n}")
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"abuse on":                            "abuse off",
		"abuse {\n nonsense\n}":               "knows points, half_life, tight, challenge and ban",
		"abuse {\n points attack\n}":          "points attack 10 login 3",
		"abuse {\n points spam 3\n}":          "attack, challenge, limited, login, token",
		"abuse {\n points attack -3\n}":       "not a number from 0",
		"abuse {\n points attack NaN\n}":      "not a number from 0",
		"abuse {\n points login 1 login 2\n}": "twice",
		"abuse {\n tight 5\n tight 6\n}":      "twice",
		"abuse {\n tight 80\n}":               "must rise",
		"abuse {\n tight 0\n}":                "above 0",
		"abuse {\n half_life 1s\n}":           "half_life",
		"abuse {\n half_life\n}":              "Caddyfile:4",
		"abuse {\n ban 150 1s\n}":             "at least 10s",
		"abuse {\n ban 150 2h 1h\n}":          "no shorter than the first",
		"abuse {\n ban off 1h\n}":             "has no time",
		"abuse {\n ban 1 2 3 4\n}":            "Caddyfile:4",
	} {
		_, err := adapt(t, "gateway {\n "+body+"\n}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// Scores outlive a reload, good or bad; the rules are those of the configuration that runs.
func TestAbuseOverReloads(t *testing.T) {
	dir, bad := t.TempDir(), netip.MustParseAddr("192.0.2.66")
	stop.After(t)
	with := func(rules map[string]any) map[string]any { return map[string]any{"data_dir": dir, "abuse": rules} }
	g, err := load(t, with(nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		g.Abuse.Note(bad, abuse.Attack)
	}
	if l := g.Abuse.Level(bad); l != abuse.Tight {
		t.Fatal(l)
	}
	if g, err = load(t, with(map[string]any{"challenge": 25})); err != nil {
		t.Fatal(err)
	}
	if l := g.Abuse.Level(bad); l != abuse.Challenged {
		t.Errorf("after a good reload: %s", l)
	}
	for _, rules := range []map[string]any{{"tight": 500}, {"points": map[string]any{"spam": 1}}, {"half_life": 1}} {
		if _, err := load(t, with(rules)); err == nil {
			t.Errorf("%v was loaded", rules)
		}
	}
	if l := g.Abuse.Level(bad); l != abuse.Challenged {
		t.Errorf("after bad reloads: %s", l)
	}
	if g, err = load(t, with(map[string]any{"off": true})); err != nil {
		t.Fatal(err)
	}
	if g.Abuse != nil {
		t.Error("off counts on")
	}
}

// Bans grow, are made once by gateways that ban at the same time, and never for who is exempt.
func TestBansGrow(t *testing.T) {
	dir := t.TempDir()
	stop.After(t)
	if _, err := load(t, map[string]any{"data_dir": dir, "allow": []string{"203.0.113.0/28"}}); err != nil {
		t.Fatal(err)
	}
	running, err := caddy.ActiveContext().App("gateway")
	if err != nil {
		t.Fatal(err)
	}
	a, ctx := running.(*App), context.Background()
	c, client := abuse.Defaults(), netip.MustParsePrefix("192.0.2.66/32")
	c.First, c.Longest = time.Hour, 24*time.Hour
	keepOut := a.keepOut(c)
	for i, want := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		got, err := keepOut(ctx, client)
		if err != nil || got != want {
			t.Fatalf("ban %d: %s %v, want %s", i+1, got, err, want)
		}
		if again, err := keepOut(ctx, client); err != nil || again != 0 {
			t.Errorf("banned twice at once: %s %v", again, err)
		}
		becomes(t, a.ground, client, true)
		if b, _ := a.ground.Bans.Banned(client.Addr()); b.Source != ban.Abuse {
			t.Errorf("%+v", b)
		}
		endBan(t, a.ground, client)
	}
	if d, err := keepOut(ctx, netip.MustParsePrefix("203.0.113.1/32")); d != 0 || err != nil {
		t.Error("the allowlist:", d, err)
	}
}

// endBan has a ban end as if its time had passed: its history outlives it.
func endBan(t *testing.T, g *ground.Ground, client netip.Prefix) {
	t.Helper()
	ctx := context.Background()
	err := g.DB.InTx(ctx, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE bans SET expires = 1 WHERE prefix = ?`, client.String()); err != nil {
			return err
		}
		return tx.Append(ctx, time.Now(), database.Change{Topic: ban.Topic, Key: client.String()})
	})
	if err == nil {
		err = g.Store.Delete(ctx, claimOf(client))
	}
	if err != nil {
		t.Fatal(err)
	}
	g.Feed.Wake()
	becomes(t, g, client, false)
}

func becomes(t *testing.T, g *ground.Ground, client netip.Prefix, banned bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, is := g.Bans.Banned(client.Addr()); is == banned {
			return
		}
	}
	t.Fatalf("%s: banned is not %t", client, banned)
}

func TestAbuseAPI(t *testing.T) {
	dir := t.TempDir()
	stop.After(t)
	g, err := load(t, map[string]any{"data_dir": dir, "allow": []string{"203.0.113.0/28"}})
	if err != nil {
		t.Fatal(err)
	}
	bad := netip.MustParseAddr("192.0.2.66")
	for range 3 {
		g.Abuse.Note(bad, abuse.Attack)
		g.Abuse.NoteUser(bad, "villain", abuse.Attack)
	}
	call := func(method, query string, serve func(*App, http.ResponseWriter, *http.Request) error) (scores []abuseJSON, status int) {
		t.Helper()
		w := httptest.NewRecorder()
		err := host.OnApp("gateway", (*App).Ground, serve)(w, httptest.NewRequest(method, "/gateway/abuse?"+query, nil))
		if err != nil {
			api, _ := err.(caddy.APIError)
			return nil, api.HTTPStatus
		}
		var out struct {
			Scores []abuseJSON `json:"scores"`
		}
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
		}
		return out.Scores, w.Code
	}
	get := func(query string) ([]abuseJSON, int) { return call("GET", query, (*App).serveAbuse) }
	if s, _ := get(""); len(s) != 2 || s[0].Client != "192.0.2.66/32" || s[0].Level != "tight" || s[1].User != "villain" || s[1].Level != "tight" {
		t.Errorf("%+v", s)
	}
	if s, _ := get("limit=1"); len(s) != 1 {
		t.Errorf("%+v", s)
	}
	if s, _ := get("client=192.0.2.7&client=203.0.113.1&user=villain"); len(s) != 3 || s[0].Level != "none" || !s[1].Exempt || s[2].Points != 30 {
		t.Errorf("%+v", s)
	}
	for _, q := range []string{"client=x", "limit=0", "limit=100001", "limit=x"} {
		if _, status := get(q); status != http.StatusBadRequest {
			t.Errorf("%s: %d", q, status)
		}
	}
	forgive := func(query string) int {
		_, status := call("DELETE", query, (*App).serveAbuseRemoval)
		return status
	}
	for q, want := range map[string]int{
		"": 400, "client=x": 400, "user=": 400, "client=192.0.2.66&user=villain": 400, "client=192.0.2.66": 204, "user=villain": 204,
		"user=" + strings.Repeat("x", 300): 400,
	} {
		if got := forgive(q); got != want {
			t.Errorf("forgiving %.40q: %d, want %d", q, got, want)
		}
	}
	if s, _ := get(""); len(s) != 0 {
		t.Errorf("%+v", s)
	}
}
