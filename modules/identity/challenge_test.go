package identity

import (
	"net/netip"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestPuzzlesOfLogins(t *testing.T) {
	keys, err := keyring.Open(t.TempDir() + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	g := ground.New(&ground.Ground{Keys: keys, Store: store.NewMemory(0)}, func() {})
	c := (&Throttle{ChallengeWork: 8}).challenger(g)
	a := session.Attempt{UserAgent: "Browser/1"}
	a.Client.IP = netip.MustParseAddr("2001:db8::1")
	set := func(number int64) challenge.Puzzle {
		t.Helper()
		p, err := c.Issue(t.Context(), a, number)
		if err != nil {
			t.Fatal(err)
		}
		return p.(challenge.Puzzle)
	}
	first := set(1)
	if first.Member != "challenge" || first.Header != "" || first.URL != "" {
		t.Errorf("%+v", first)
	}
	for number, more := range map[int64]int{1: 0, 2: 1, 4: 2, 100: 4} {
		if got := set(number).Bits - first.Bits; got != more {
			t.Errorf("the %d. has %d bits more", number, got)
		}
	}
	answer, err := challenge.Solve(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(client, agent, answer string) bool {
		t.Helper()
		b := a
		b.Client.IP, b.UserAgent, b.Challenge = netip.MustParseAddr(client), agent, answer
		ok, err := c.Verify(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	forRequests, err := challenge.Solve(t.Context(), challenge.NewDesk(keys.Derive("challenge"), g.Store, time.Now).Puzzle(challenge.Requests, holder(a), 8))
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"another client":  verify("2001:db8:0:1::1", "Browser/1", answer),
		"another browser": verify("2001:db8::1", "Browser/2", answer),
		"made up":         verify("2001:db8::1", "Browser/1", "x.1.2"),
		"nothing":         verify("2001:db8::1", "Browser/1", ""),
		"of requests":     verify("2001:db8::1", "Browser/1", forRequests),
	} {
		if ok {
			t.Error(name)
		}
	}
	if !verify("2001:db8::2", "Browser/1", answer) { // of the same /64
		t.Error("the right answer is refused")
	}
	if verify("2001:db8::1", "Browser/1", answer) {
		t.Error("it counts twice")
	}
	if (&Throttle{Challenge: -1}).challenger(g) != nil {
		t.Error("off, and there is one")
	}
	if (*Throttle)(nil).challenger(g) == nil {
		t.Error("by default there is none")
	}
}
