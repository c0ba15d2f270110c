package respond

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// What is automatic is in force at once, and over when its time is; what is not waits for a person.
func TestModes(t *testing.T) {
	const hints = "challenge, throttle 10m, ban 1h, end_sessions, lock_account, require_second_factor, close_sockets, raise_paranoia"
	for mode, want := range map[Mode]string{
		Off:     "",
		Propose: "ban proposed, challenge proposed, close_sockets proposed, end_sessions proposed, lock_account proposed, raise_paranoia proposed, require_second_factor proposed, throttle proposed",
		Mild:    "ban proposed, challenge applied, close_sockets proposed, end_sessions proposed, lock_account proposed, raise_paranoia applied, require_second_factor applied, throttle applied",
		Automatic: "ban applied, challenge applied, close_sockets applied, end_sessions done, lock_account applied, raise_paranoia applied, require_second_factor applied, " +
			"throttle applied",
	} {
		t.Run(string(mode), func(t *testing.T) {
			d := open(t, dbtest.New(t), Config{Mode: mode})
			if got := d.take(hints, "client:192.0.2.7", "user:u1", "session:s1"); got != want {
				t.Fatal(got)
			}
			if mode != Automatic {
				return
			}
			who := measure.Who{IP: netip.MustParseAddr("192.0.2.7"), User: "u1", Session: "s1"}
			eventually(t, "all is in force", func() bool {
				_, banned := d.Bans.Banned(who.IP)
				s := d.Measures.Of(who)
				return banned && s.Has(measure.Challenge) && s.Has(measure.Throttle) && s.Has(measure.Paranoia) && s.Has(measure.SecondFactor) && s.Has(measure.CloseSockets)
			})
			if !d.people.locked["u1"] || fmt.Sprint(d.people.ended) != "[session:s1]" {
				t.Error(d.people.locked, d.people.ended)
			}
			d.forward(11 * time.Minute)
			if s := d.Measures.Of(who); s.Has(measure.Throttle) || !s.Has(measure.Challenge) {
				t.Error("not for the time that the rule says:", s)
			}
		})
	}
}

// The operator's addresses, trusted proxies, this machine and whoever is spared are never touched, whatever a rule says; nor by an operator's slip.
func TestWhoIsNeverTouched(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Automatic, Spare: subjects(t, "user:robot")})
	for _, who := range []string{"client:203.0.113.9", "client:198.51.100.1", "client:127.0.0.1", "client:::1", "client:nonsense", "user:robot"} {
		if got := d.take("ban 1h, challenge, lock_account, close_sockets", who); got != "" {
			t.Error(who, got)
		}
		s, _ := finding.ParseSubject(who)
		for _, action := range []string{"ban", "lock_account"} {
			if _, err := d.Order(t.Context(), Order{Action: Action{Do: action}, Subject: s, By: "ada"}); !errors.Is(err, ErrExempt) && !errors.Is(err, ErrMalformed) {
				t.Error(who, action, err)
			}
		}
	}
	if got := d.take("lock_account", "user:last-admin"); got != "lock_account failed" {
		t.Error("the last administrator is locked out:", got)
	}
	if d.people.locked["robot"] || d.actions() != "response-failed" {
		t.Error(d.people.locked, d.actions())
	}
}

// An anomaly alone bans, locks and ends nothing, however automatic the gateway is.
func TestAnomaliesNeverBan(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Automatic})
	f := d.found("ban, lock_account, end_sessions, close_sockets, challenge, require_second_factor", "client:192.0.2.7", "user:u1")
	f.Kind, f.Rule = finding.Anomaly, "anomaly"
	if got := states(d.Take(t.Context(), f, "")); got != "ban proposed, challenge applied, close_sockets proposed, end_sessions proposed, lock_account proposed, require_second_factor applied" {
		t.Error(got)
	}
	if _, banned := d.Bans.Banned(netip.MustParseAddr("192.0.2.7")); banned || len(d.people.ended) > 0 {
		t.Error("an anomaly banned")
	}
}

// A rule gone wild, or attackers who want others to be met, touch so many and no more: then a person decides.
func TestMachinesStopAtTheirLimit(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Automatic, Most: 3})
	for n := range 3 {
		if got := d.take("challenge, throttle", fmt.Sprint("client:192.0.2.", n)); got != "challenge applied, throttle applied" {
			t.Fatal(n, got)
		}
	}
	if got := d.take("ban", "client:192.0.2.77"); got != "ban held" {
		t.Error("beyond the limit:", got)
	}
	if got := d.take("ban", "client:192.0.2.77"); got != "" {
		t.Error("held twice:", got)
	}
	if got := d.take("raise_paranoia", "client:192.0.2.1"); got != "raise_paranoia applied" {
		t.Error("one that was touched already:", got)
	}
	if _, err := d.Order(t.Context(), Order{Action: Action{Do: Ban}, Subject: finding.Subject{Kind: finding.Client, ID: "192.0.2.99"}, By: "ada"}); err != nil {
		t.Error("an operator is held up:", err)
	}
	held, err := d.List(t.Context(), Query{State: Held})
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	if r, err := d.Approve(t.Context(), held[0].ID, "ada"); err != nil || r.State != Applied || r.By != "ada" || r.Mode != ByOperator {
		t.Error(r, err)
	}
	eventually(t, "it is in force", func() bool { _, banned := d.Bans.Banned(netip.MustParseAddr("192.0.2.77")); return banned })
	d.forward(61 * time.Minute)
	if got := d.take("ban", "client:192.0.2.78"); got != "ban applied" {
		t.Error("an hour later:", got)
	}
}

// Findings that come again and again do the same once, and gateways that find the same, too.
func TestTheSameIsDoneOnce(t *testing.T) {
	config := dbtest.New(t)
	a, b := open(t, config, Config{Mode: Automatic}), open(t, config, Config{Mode: Automatic})
	b.at = a.at
	if got := a.take("challenge 1h, end_sessions", "client:192.0.2.7", "user:u1"); got != "challenge applied, end_sessions done" {
		t.Fatal(got)
	}
	if got := b.take("challenge 1h", "client:192.0.2.7"); got != "" {
		t.Error("of the same finding:", got)
	}
	b.number = 100
	if got := b.take("challenge 1h", "client:192.0.2.7"); got != "" {
		t.Error("in force, and done again:", got)
	}
	b.forward(40 * time.Minute)
	if got := b.take("challenge 1h", "client:192.0.2.7"); got != "challenge applied" {
		t.Error("it is not renewed before it ends:", got)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for n := range 10 {
		f := a.found("throttle", "client:192.0.2.9")
		f.ID = "same"
		d := []*desk{a, b}[n%2]
		wg.Go(func() {
			all := d.Take(t.Context(), f, "")
			mu.Lock()
			defer mu.Unlock()
			done += len(all)
		})
	}
	wg.Wait()
	if done != 1 {
		t.Error("done", done, "times")
	}
}

// Everything done has an undo, which takes it out of force and keeps machines from doing it again for a day; each step is an event with who, whom and why.
func TestUndo(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Automatic})
	all := d.Take(t.Context(), d.found("ban 1h, challenge, lock_account", "client:192.0.2.7", "user:u1"), "INCIDENT")
	if len(all) != 3 {
		t.Fatal(states(all))
	}
	ip := netip.MustParseAddr("192.0.2.7")
	eventually(t, "it is in force", func() bool {
		_, banned := d.Bans.Banned(ip)
		return banned && d.Measures.Of(measure.Who{IP: ip}).Has(measure.Challenge)
	})
	e := fmt.Sprintf("%+v", *d.told[0])
	for _, want := range []string{"response-applied", "192.0.2.7", "convosphere response undo " + all[0].ID, "rule-1", "INCIDENT", "automatic", "monitor"} {
		if !strings.Contains(e, want) {
			t.Errorf("the event lacks %s: %s", want, e)
		}
	}
	for _, r := range all {
		if got, err := d.Undo(t.Context(), r.ID, "ada"); err != nil || got.State != Undone || got.By != "ada" {
			t.Error(r.Action, got, err)
		}
		if _, err := d.Undo(t.Context(), r.ID, "ada"); !errors.Is(err, ErrState) {
			t.Error("undone twice:", err)
		}
	}
	eventually(t, "it is out of force", func() bool {
		_, banned := d.Bans.Banned(ip)
		return !banned && d.Measures.Of(measure.Who{IP: ip}) == 0
	})
	if d.people.locked["u1"] {
		t.Error("the account stays locked")
	}
	if got := d.take("ban 1h, challenge", "client:192.0.2.7"); got != "" {
		t.Error("a machine does again what a person undid:", got)
	}
	d.forward(25 * time.Hour)
	if got := d.take("ban 1h, challenge", "client:192.0.2.7"); got != "ban applied, challenge applied" {
		t.Error("a day later:", got)
	}
	if n := strings.Count(d.actions(), "response-undone"); n != 3 {
		t.Error(n, "undone")
	}
	once := d.Take(t.Context(), d.found("end_sessions", "user:u2"), "")
	if _, err := d.Undo(t.Context(), once[0].ID, "ada"); !errors.Is(err, ErrNoUndo) {
		t.Error(err)
	}
}

// A ban that an operator set in place of the response's own is not lifted with it.
func TestUndoLeavesTheOperatorsBan(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Automatic})
	all := d.Take(t.Context(), d.found("ban 1h", "client:192.0.2.7"), "")
	b := banOf(t, "192.0.2.7")
	if err := d.Bans.Add(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Undo(t.Context(), all[0].ID, "ada"); err != nil {
		t.Fatal(err)
	}
	left, err := d.Bans.List(t.Context(), "", "", 0)
	if err != nil || len(left) != 1 || left[0].Source != b.Source {
		t.Error(left, err)
	}
}

// What is over ends by itself, at one of the gateways; an account that was locked for a time is opened, also where the first try fails.
func TestWhatIsOverEnds(t *testing.T) {
	config := dbtest.New(t)
	a, b := open(t, config, Config{Mode: Automatic}), open(t, config, Config{Mode: Automatic})
	all := a.Take(t.Context(), a.found("lock_account 1h, challenge 1h", "user:u1", "client:192.0.2.7"), "")
	if len(all) != 2 || !a.people.locked["u1"] {
		t.Fatal(states(all))
	}
	b.people = a.people
	b.Accounts = a.people
	for _, d := range []*desk{a, b} {
		d.mu.Lock()
		d.at = all[0].Applied.Add(61 * time.Minute)
		d.mu.Unlock()
	}
	a.people.down = true
	if err := a.Sweep(t.Context()); err == nil || !a.people.locked["u1"] {
		t.Error("it can't be opened, and nobody is told")
	}
	a.people.down = false
	a.forward(2 * time.Minute)
	b.forward(2 * time.Minute)
	for _, d := range []*desk{a, b} {
		if err := d.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.people.locked["u1"] {
		t.Error("it stays locked")
	}
	for _, r := range all {
		if r, err := a.Get(t.Context(), r.ID); err != nil || r.State != Ended {
			t.Error(r, err)
		}
	}
	if n := strings.Count(a.actions()+b.actions(), "response-ended"); n != 2 {
		t.Error(n, "ends are told")
	}
}

// What a gateway had begun when it ended is not taken for done.
func TestWhatWasBegunAndNeverEnded(t *testing.T) {
	d := open(t, dbtest.New(t), Config{})
	r := Response{Action: challenge, Subject: finding.Subject{Kind: "client", ID: "192.0.2.7"}, Mode: ByRule, By: ByMonitor, Finding: "f", Lasts: time.Hour, State: Applying}
	if err := d.reserve(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	d.forward(stuckAfter + time.Second)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Get(t.Context(), r.ID); err != nil || got.State != Failed || d.actions() != "response-failed" {
		t.Error(got, err, d.actions())
	}
}

// An operator decides on proposals: one that is dismissed is not made again for a day.
func TestProposals(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Mode: Propose})
	if got := d.take("ban, challenge", "client:192.0.2.7"); got != "ban proposed, challenge proposed" {
		t.Fatal(got)
	}
	if got := d.take("ban, challenge", "client:192.0.2.7"); got != "" {
		t.Error("proposed twice:", got)
	}
	all, err := d.List(t.Context(), Query{State: Proposed, Subject: finding.Subject{Kind: "client", ID: "192.0.2.7"}})
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if _, err := d.Undo(t.Context(), all[0].ID, "ada"); !errors.Is(err, ErrState) {
		t.Error("undone before it was done:", err)
	}
	if r, err := d.Approve(t.Context(), all[0].ID, "ada"); err != nil || r.State != Applied {
		t.Error(r, err)
	}
	if r, err := d.Dismiss(t.Context(), all[1].ID, "ada"); err != nil || r.State != Dismissed {
		t.Error(r, err)
	}
	for _, r := range all {
		if _, err := d.Approve(t.Context(), r.ID, "ada"); !errors.Is(err, ErrState) {
			t.Error("decided twice:", err)
		}
	}
	if got := d.take("ban, challenge", "client:192.0.2.7"); got != "" {
		t.Error("a person decided, and it is proposed again:", got)
	}
	for _, id := range []string{"", "NONE"} {
		if _, err := d.Approve(t.Context(), id, "ada"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
}

// What a rule does can be chosen, by the rule.
func TestRulesOfTheOperator(t *testing.T) {
	d := open(t, dbtest.New(t), Config{
		Mode: Mild, Lasts: map[string]time.Duration{challenge: 2 * time.Hour},
		Rules: map[string]Rule{"quiet": {Mode: Off}, "sure": {Mode: Automatic}, "other": {Do: []Action{{Do: throttle, For: time.Minute}}}},
	})
	take := func(rule string, about ...string) string {
		f := d.found("ban, challenge", about...)
		f.Rule = rule
		return states(d.Take(t.Context(), f, ""))
	}
	for rule, want := range map[string]string{
		"quiet": "", "sure": "ban applied, challenge applied", "other": "throttle applied", "any": "ban proposed, challenge applied",
	} {
		if got := take(rule, "client:192.0.2."+fmt.Sprint(len(rule))); got != want {
			t.Error(rule, got)
		}
	}
	all, err := d.List(t.Context(), Query{State: Applied})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Action == challenge && r.Expires.Sub(r.Applied) != 2*time.Hour {
			t.Error("it lasts", r.Expires.Sub(r.Applied))
		}
	}
}

// What nobody decides on does not wait for ever: else a year of scanners would leave no place for what matters today.
func TestProposalsDoNotWaitForEver(t *testing.T) {
	d := open(t, dbtest.New(t), Config{Most: 1})
	if got := d.take("ban, challenge", "client:192.0.2.7"); got != "ban proposed, challenge applied" {
		t.Fatal(got)
	}
	if got := d.take("challenge", "client:192.0.2.8"); got != "challenge held" {
		t.Fatal(got)
	}
	sweep := func(waiting, told int) {
		t.Helper()
		if err := d.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, state := range []string{Proposed, Held} {
			all, err := d.List(t.Context(), Query{State: state})
			if err != nil {
				t.Fatal(err)
			}
			n += len(all)
		}
		if n != waiting || strings.Count(d.actions(), "response-ended") != told {
			t.Errorf("%d wait: %s", n, d.actions())
		}
	}
	d.forward(decideWithin - time.Minute)
	sweep(2, 1) // the challenge is over, which was applied
	d.forward(time.Hour)
	sweep(0, 3)
	if got := d.take("ban", "client:192.0.2.7"); got != "ban proposed" {
		t.Error("it is not proposed again:", got)
	}
}
