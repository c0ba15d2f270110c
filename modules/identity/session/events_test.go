package session

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (r *recorder) of(action string) (all []*event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Action == action {
			all = append(all, e)
		}
	}
	return all
}

// Who sprays passwords over many names, or tries one name from many addresses, is counted by a hash of the name: one for all its spellings, on all nodes that
// share their keys, of names that exist and that don't. The name itself stands nowhere.
func TestTriedNamesCanBeCountedAndNotRead(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	typed := []string{"ursula", " URSULA ", "ｕｒｓｕｌａ", "nobody-here", "another"}
	for _, name := range typed {
		a := attempt(name)
		a.Password = "wrong"
		n.outcome(a)
	}
	tries := n.events.of("login")
	if len(tries) != len(typed) {
		t.Fatalf("%d events", len(tries))
	}
	accounts := map[string]int{}
	for i, e := range tries {
		if !regexp.MustCompile(`^[A-Z2-7]{16}$`).MatchString(e.Account) || e.Outcome != event.Failure || (e.UserID != "") != (i < 3) {
			t.Errorf("%q: %+v", typed[i], e)
		}
		if s := strings.ToLower(fmt.Sprintf("%+v", *e)); strings.Contains(s, "ursula") || strings.Contains(s, "nobody-here") {
			t.Errorf("the name is in %s", s)
		}
		accounts[e.Account]++
	}
	if len(accounts) != 3 || accounts[tries[0].Account] != 3 {
		t.Errorf("%v", accounts)
	}
	n.login("ursula", "")
	if all := n.events.of("login"); all[len(all)-1].Account != tries[0].Account {
		t.Error("a login that succeeds counts as another name's")
	}
}

// A flood of tries does not fall silent as soon as it is throttled.
func TestThrottledTriesAreToldOf(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.Throttles.Pair = throttle.Rule{Free: 1, First: time.Minute, Longest: time.Hour}
	a := attempt("ursula")
	a.Password = "wrong"
	for range 5 {
		n.outcome(a)
	}
	refused, tried := n.events.of("login-refused"), n.events.of("login")
	if len(refused) == 0 || len(refused)+len(tried) != 5 {
		t.Fatalf("%d refused, %d tried", len(refused), len(tried))
	}
	if e := refused[0]; e.Account != tried[0].Account || e.SourceIP != "192.0.2.1" || e.Outcome != event.Failure || e.UserID != "" {
		t.Errorf("%+v", e)
	}
}

// A session carries its device and its beginning, to whoever verifies its token; what happens in it is told with them and with where it came from.
func TestSessionsAreKnownByTheirDevice(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	a := attempt("ursula")
	a.Browser = true
	r, err := n.Login(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	login := n.events.of("login")[0]
	if login.Device == "" || login.Device != r.Identity.Device || !login.Begun.Equal(r.Identity.Begun) || login.Begun.IsZero() {
		t.Fatalf("%+v, %+v", login, r.Identity)
	}
	n.known.Clear() // as another node
	id, err := n.Verify(ctx, r.Tokens.Access)
	if err != nil || id.Device != login.Device || !id.Begun.Equal(login.Begun) {
		t.Fatalf("%+v, %v", id, err)
	}
	// Somebody in the own browser who mistypes is told from a stranger.
	wrong := attempt("ursula")
	wrong.Password, wrong.Device = "wrong", r.Device
	n.outcome(wrong)
	if all := n.events.of("login"); all[len(all)-1].Device != login.Device {
		t.Errorf("%+v", all[len(all)-1])
	}

	req, rc := reqctx.Ensure(httptest.NewRequest("POST", "/", nil))
	rc.Client, rc.Identity = reqctx.Client{IP: netip.MustParseAddr("203.0.113.5")}, id
	if err := n.ChangePassword(req.Context(), id, password, "another long and good 1"); err != nil {
		t.Fatal(err)
	}
	e := n.events.of("password-changed")[0]
	if e.SourceIP != "203.0.113.5" || e.RequestID != rc.ID || e.UserID != id.Subject || e.Session != id.Session || e.Device != id.Device {
		t.Errorf("%+v", e)
	}
}
