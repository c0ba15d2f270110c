package respond

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func banOf(t *testing.T, ip string) ban.Ban {
	t.Helper()
	p, err := ban.Parse(ip)
	if err != nil {
		t.Fatal(err)
	}
	return ban.Ban{Prefix: p, Source: ban.Operator}
}

func TestActions(t *testing.T) {
	for text, want := range map[string]Action{
		"ban": {Do: "ban"}, "ban 90m": {"ban", 90 * time.Minute}, " ban  30d ": {"ban", 30 * 24 * time.Hour}, "end_sessions": {Do: "end_sessions"},
		"close_sockets 1s": {"close_sockets", time.Second},
	} {
		if got, err := ParseAction(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "hang", "ban forever", "ban 91d", "ban 0d", "ban -1h", "ban 1ms", "end_sessions 1h", "webhook 1h", "ban 1h 2h", "ban 99999999999d"} {
		if a, err := ParseAction(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
	for _, a := range []Action{{Do: "ban"}, {"ban", time.Hour}} {
		if back, err := ParseAction(a.String()); err != nil || back != a {
			t.Error(a, back, err)
		}
	}
}

// What an operator writes by mistake is said, and nothing is done.
func TestOrdersThatCantBe(t *testing.T) {
	d := open(t, dbtest.New(t), Config{})
	good := Order{Action: Action{Do: Ban}, Subject: finding.Subject{Kind: "client", ID: "192.0.2.7"}, By: "ada"}
	for name, f := range map[string]func(*Order){
		"no action":         func(o *Order) { o.Action.Do = "hang" },
		"a webhook":         func(o *Order) { o.Action.Do = Webhook },
		"a person":          func(o *Order) { o.Subject = finding.Subject{Kind: "user", ID: "u1"} },
		"no address":        func(o *Order) { o.Subject.ID = "x" },
		"a reason of lines": func(o *Order) { o.Reason = "a\nb" },
		"a long reason":     func(o *Order) { o.Reason = string(make([]byte, MostReason+1)) },
		"a rule's subject":  func(o *Order) { o.Subject = finding.Subject{Kind: "url.path", ID: "/x"} },
	} {
		o := good
		f(&o)
		if _, err := d.Order(t.Context(), o); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := d.List(t.Context(), Query{}); err != nil || len(all) != 0 || d.actions() != "" {
		t.Error(all, err)
	}
	r, err := d.Order(t.Context(), Order{Action: Action{Do: challenge}, Subject: finding.Subject{Kind: "client", ID: "2001:db8::7"}, By: "ada", Reason: "looks odd"})
	if err != nil || r.Subject.ID != "2001:db8::/64" || r.State != Applied {
		t.Error(r, err)
	}
}

// What would be done is what is done: a simulation and a desk agree, finding by finding.
func TestSimulationSaysWhatIsDone(t *testing.T) {
	config := Config{Mode: Mild, Most: 4, Spare: subjects(t, "user:robot")}
	d := open(t, dbtest.New(t), config)
	s := Simulate(config, d.exempt)
	words := map[Verdict]string{Apply: Applied, Suggest: Proposed, Hold: Held}
	whom := []string{"client:192.0.2.1", "client:192.0.2.2", "client:203.0.113.5", "client:192.0.2.3", "user:robot", "user:u1", "client:192.0.2.4", "client:192.0.2.5"}
	hints := []string{"challenge", "ban 1h, throttle 30m", "require_second_factor, challenge", "raise_paranoia, lock_account"}
	for n := range 60 {
		f := d.found(hints[n%len(hints)], whom[n*7%len(whom)])
		var would []string
		for _, step := range s.See(f) {
			if step.Verdict != Skip {
				would = append(would, step.Action.Do+" "+words[step.Verdict])
			}
		}
		var did []string
		for _, r := range d.Take(t.Context(), f, "") {
			did = append(did, r.Action+" "+r.State)
		}
		if len(would) != len(did) {
			t.Fatalf("%d: it would be %v, and is %v", n, would, did)
		}
		for i := range would {
			if would[i] != did[i] {
				t.Fatalf("%d: it would be %v, and is %v", n, would, did)
			}
		}
		d.forward(7 * time.Minute)
	}
	if Simulate(config, func(netip.Prefix) bool { return true }).See(d.found("ban", "client:192.0.2.1"))[0].Verdict != Skip {
		t.Error("who is exempt is met")
	}
}

func TestConfigurations(t *testing.T) {
	for name, c := range map[string]Config{
		"mode":      {Mode: "wild"},
		"most":      {Most: -1},
		"lasts":     {Lasts: map[string]time.Duration{"end_sessions": time.Hour}},
		"long":      {Lasts: map[string]time.Duration{"ban": 91 * 24 * time.Hour}},
		"rule":      {Rules: map[string]Rule{"x": {Mode: "wild"}}},
		"no hook":   {Rules: map[string]Rule{"x": {Do: []Action{{Do: Webhook}}}}},
		"hook":      {Hook: &Hook{URL: "ftp://x"}},
		"hook host": {Hook: &Hook{URL: "https:///x"}},
	} {
		if err := c.Check(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Config{}).Check(); err != nil {
		t.Error(err)
	}
}
