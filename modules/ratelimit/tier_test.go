package ratelimit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
)

const tiered = `gw_rate_limit {
	defaults off
	warn off
	zone quota {
		key user
		rate 2/1h
		tier premium 5/1h
		tier staff 100/1h 7
	}
	zone chat {
		messages
		key user
		rate 2/1h
		tier premium 5/1h
	}
}`

// loadTiered is the handler with a table of what the policy said.
func loadTiered(t *testing.T) (*Handler, *tier.Table) {
	t.Helper()
	s := store.NewMemory(0)
	t.Cleanup(func() { _ = s.Close() })
	h := mustLoad(t, tiered, s)
	h.ground.Tiers = tier.New(time.Now)
	return h, h.ground.Tiers
}

// The tier of the policy's last decision counts from the next request on.
func TestTiers(t *testing.T) {
	h, tiers := loadTiered(t)
	admitted := func(user string) (n int) {
		for range 20 {
			if w, _ := ask(t, h, "GET /x", "192.0.2.1", user); w.Code == 429 {
				return n
			}
			n++
		}
		return n
	}
	tiers.Set("petra", "premium")
	tiers.Set("stefan", "staff")
	tiers.Set("otto", "unheard-of")
	for user, want := range map[string]int{"ursula": 2, "petra": 5, "stefan": 7, "otto": 2} {
		if got := admitted(user); got != want {
			t.Errorf("%s: %d, want %d", user, got, want)
		}
	}
	// One's tier is one's own: who is anonymous shares nothing of it.
	if got := admitted(""); got != 2 {
		t.Errorf("anonymous: %d", got)
	}
	tiers.Set("ursula", "premium")
	w, _ := ask(t, h, "GET /x", "192.0.2.1", "ursula")
	if w.Code == 429 || !strings.Contains(w.Header().Get("RateLimit-Policy"), `"quota";q=5`) {
		t.Errorf("after an upgrade: %d %s", w.Code, w.Header().Get("RateLimit-Policy"))
	}
	if got := admitted("ursula"); got != 4 {
		t.Errorf("after an upgrade: %d more", got)
	}
	tiers.Set("petra", "standard")
	if got := admitted("petra"); got != 2 {
		t.Errorf("after a downgrade: %d", got)
	}
}

// Who is of a role of that name need not wait until the policy has said so. What it says then holds.
func TestTierOfARole(t *testing.T) {
	h, tiers := loadTiered(t)
	codes := func(roles ...string) string {
		r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/x", nil))
		rc.Client.IP = netip.MustParseAddr("192.0.2.1")
		rc.Identity = &reqctx.Identity{Subject: "petra", Roles: roles}
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Fatal(err)
		}
		return w.Header().Get("RateLimit-Policy")
	}
	for _, c := range []struct {
		says  string
		roles []string
		want  string
	}{
		{"", []string{"user"}, "q=2"}, {"", []string{"user", "premium"}, "q=5"}, {"", []string{"staff"}, "q=7"},
		{"standard", []string{"premium"}, "q=2"}, {"staff", []string{"premium"}, "q=7"},
	} {
		tiers.Set("petra", c.says)
		if got := codes(c.roles...); !strings.Contains(got, `"quota";`+c.want+";") {
			t.Errorf("%q, %v: %s, want %s", c.says, c.roles, got, c.want)
		}
	}
}

// An open socket follows: its next message is counted by the tier that holds then.
func TestTiersOfMessages(t *testing.T) {
	h, tiers := loadTiered(t)
	c, _, err := dial(t, echoThrough(t, h)+"?user=ursula")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if n, err := talk(t, c, 2); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	tiers.Set("ursula", "premium")
	if n, err := talk(t, c, 2); n != 2 || err != nil {
		t.Fatalf("after an upgrade: %d %v", n, err)
	}
	tiers.Set("ursula", "standard")
	if n, err := talk(t, c, 2); n != 0 || err == nil { // of the standard all was used
		t.Fatalf("after a downgrade: %d %v", n, err)
	}
}

// Without a gateway app there is no policy, so nobody has a tier but by a role of that name.
func TestTiersWithoutAGateway(t *testing.T) {
	h := mustLoad(t, tiered, nil)
	for i, want := range []int{204, 204, 429} {
		if w, _ := ask(t, h, "GET /x", "192.0.2.1", "petra"); w.Code != want {
			t.Errorf("%d: %d", i, w.Code)
		}
	}
}

func TestBadTiers(t *testing.T) {
	for line, want := range map[string]string{
		"tier premium":                                 "wrong argument count",
		"tier premium 5/1h 3 x":                        "wrong argument count",
		"tier premium often":                           "often",
		"tier premium 5/1h 0":                          "it is a count from 1",
		"tier Premium 5/1h":                            "lower-case letters",
		"tier premium 5/1h\n\t\ttier premium 6/1h":     "tier premium is there twice",
		"tier premium 5/1h\n\t\ttier premium 6/1h nan": "tier premium is there twice",
	} {
		if _, _, err := load(t, "gw_rate_limit {\n\tzone a {\n\t\trate 1/1s\n\t\t"+line+"\n\t}\n}", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, _, err := loadJSON(t, []byte(`{"zones":[{"name":"a","rate":"1/1s","tiers":{"premium":null}}]}`), nil); err == nil {
		t.Error("a tier without a rate loads")
	}
}
