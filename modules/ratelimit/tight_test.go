package ratelimit

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// loadAbuse is a handler with a table of who misbehaves, whose clock the test moves.
func loadAbuse(t *testing.T, directive string) (h *Handler, table *abuse.Table, pass func(time.Duration)) {
	t.Helper()
	s := store.NewMemory(0)
	t.Cleanup(func() { _ = s.Close() })
	h = mustLoad(t, directive, s)
	now := time.Unix(1e9, 0)
	h.ground.Abuse = abuse.New(abuse.Rules{Config: abuse.Defaults()}, func() time.Time { return now })
	return h, h.ground.Abuse, func(d time.Duration) { now = now.Add(d) }
}

// passing is how many of a hundred requests pass.
func passing(t *testing.T, h *Handler, from, user string) (n int) {
	t.Helper()
	for range 100 {
		if w, _ := ask(t, h, "GET /x", from, user); w.Code != 429 {
			n++
		}
	}
	return n
}

const tightened = `gw_rate_limit {
	defaults off
	zone client {
		rate 40/1h
	}
	zone all {
		key global
		rate 1000/1h
	}
}`

func TestTightLimits(t *testing.T) {
	h, table, _ := loadAbuse(t, tightened)
	const bad, good, used = "192.0.2.66", "192.0.2.1", "192.0.2.2"
	for range 20 { // before it misbehaves
		ask(t, h, "GET /x", used, "") // half of what it may
	}
	for range 3 {
		table.Note(netip.MustParseAddr(bad), abuse.Attack)
		table.Note(netip.MustParseAddr(used), abuse.Attack)
	}
	for from, want := range map[string]int{bad: 10, good: 40, used: 5} {
		if got := passing(t, h, from, ""); got != want {
			t.Errorf("%s: %d of 100 pass, want %d", from, got, want)
		}
	}
	w, _ := ask(t, h, "GET /x", bad, "")
	if p := w.Header().Get("RateLimit-Policy"); !strings.Contains(p, `"client";q=10;w=3600`) || !strings.Contains(p, `"all";q=1000`) {
		t.Error("what all share is tight, or what is tight is not told:", p)
	}
}

// An operator who asks where somebody stands is told the limit that holds for them.
func TestStatusOfTightLimits(t *testing.T) {
	h, table, _ := loadAbuse(t, strings.Replace(tightened, "zone all", "zone user {\n key user\n rate 80/1h\n}\nzone all", 1))
	bad := netip.MustParseAddr("192.0.2.66")
	for range 3 {
		table.Note(bad, abuse.Attack)
		table.NoteUser(bad, "villain", abuse.Attack)
	}
	ask(t, h, "GET /x", bad.String(), "")
	where := func(key string) answer {
		_, a, _ := operator(t, "POST", "/gateway/limits/status", `{"key":["`+key+`"]}`)
		return a
	}
	a := where("client=" + bad.String())
	if s := a.zone(t, "client"); s.Level != "tight" || s.Remaining != 9 || !strings.HasPrefix(s.Limit, "10 at once") {
		t.Errorf("%+v", s)
	}
	if s := a.zone(t, "all"); s.Level != "" || !strings.HasPrefix(s.Limit, "1000 at once") {
		t.Errorf("what all share is not tight: %+v", s)
	}
	if s := where("user=villain").zone(t, "user"); s.Level != "tight" || s.Remaining != 20 {
		t.Errorf("a person, from wherever: %+v", s)
	}
	if s := where("client=192.0.2.7").zone(t, "client"); s.Level != "" || s.Remaining != 40 {
		t.Errorf("%+v", s)
	}
	if out, err := command(t, "status", "client="+bad.String()); err != nil || !strings.Contains(out, "client (tight: a quarter)") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A person who misbehaves meets tight limits from anywhere; others at the same address don't.
func TestTightLimitsOfAPerson(t *testing.T) {
	h, table, _ := loadAbuse(t, "gw_rate_limit {\n defaults off\n zone user {\n key user\n rate 40/1h\n}\n}")
	for range 3 {
		table.NoteUser(netip.MustParseAddr("192.0.2.66"), "villain", abuse.Attack)
	}
	if got := passing(t, h, "192.0.2.7", "villain"); got != 10 {
		t.Error(got)
	}
	if got := passing(t, h, "192.0.2.66", "other"); got != 40 {
		t.Error(got)
	}
}

// Who keeps running into limits climbs; who is refused only because the limit is tight does not.
func TestRefusalsCount(t *testing.T) {
	h, table, pass := loadAbuse(t, "gw_rate_limit {\n defaults off\n zone client {\n rate 1/1h\n}\n}")
	bad := netip.MustParseAddr("192.0.2.66")
	for range 25 {
		ask(t, h, "GET /x", "192.0.2.66", "")
		ask(t, h, "GET /x", "192.0.2.66", "")
		pass(time.Second)
	}
	if table.Level(bad) != abuse.Tight {
		t.Fatal(table.Level(bad), table.Score(bad))
	}
	// Now it is tight. Its refusals alone are more than the limit, so they count on.
	before := table.Score(bad)
	for range 10 {
		ask(t, h, "GET /x", "192.0.2.66", "")
		pass(time.Second)
	}
	if table.Score(bad) < before+7 {
		t.Error(before, table.Score(bad))
	}
}

func TestTightRefusalsDontCount(t *testing.T) {
	h, table, pass := loadAbuse(t, "gw_rate_limit {\n defaults off\n zone client {\n rate 100/1h\n}\n zone all {\n key global\n rate 200/1h\n}\n}")
	crowd := netip.MustParseAddr("192.0.2.66")
	for range 3 {
		table.Note(crowd, abuse.Attack)
	}
	before := table.Score(crowd)
	refused := 0
	for range 90 { // no more than everybody may
		if w, _ := ask(t, h, "GET /x", "192.0.2.66", ""); w.Code == 429 {
			refused++
		}
		pass(time.Millisecond)
	}
	if after := table.Score(crowd); refused != 65 || after > before {
		t.Errorf("%d refused, the score is %g after %g", refused, after, before)
	}
	// A limit that all share is nobody's fault.
	for i := range 300 {
		ask(t, h, "GET /x", netip.AddrFrom4([4]byte{198, 51, 100, byte(i % 200)}).String(), "")
		pass(time.Second)
	}
	if s := table.Score(netip.MustParseAddr("198.51.100.50")); s != 0 {
		t.Error(s)
	}
}

// Who misbehaves while a socket is open has tighter limits from the next message on.
func TestTightOnAnOpenSocket(t *testing.T) {
	h, table, _ := loadAbuse(t, "gw_rate_limit {\n defaults off\n zone said {\n messages\n rate 40/1h\n}\n}")
	r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/", nil))
	rc.Client.IP = netip.MustParseAddr("192.0.2.66")
	a := h.asked(nil, r, rc)
	open := &conversation{h: h, a: &a}
	open.charges, _ = h.charge(nil, h.messages, &a)
	passed := func() (n int) {
		for range 20 {
			if open.message(t.Context(), &wsframe.Message{Dir: wsframe.In, Data: []byte("x")}) == nil {
				n++
			}
		}
		return n
	}
	if n := passed(); n != 20 {
		t.Fatalf("%d of 20 passed", n)
	}
	for range 3 {
		table.Note(rc.Client.IP, abuse.Attack)
	}
	if n := passed(); n != 5 { // half of a quarter
		t.Errorf("%d of 20 passed, want 5", n)
	}
}
