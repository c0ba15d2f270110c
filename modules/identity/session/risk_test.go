package session

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/geo"
	"github.com/convosphere/gateway/modules/internal/geo/geotest"
)

const (
	berlin   = "192.0.2.1"
	munich   = "198.51.100.1"
	auckland = "203.0.113.1"
)

// letters are what owners would be told of new devices.
type letters struct{ sent []string }

func (l *letters) Notify(_ context.Context, _ *database.Tx, a account.Account, kind string, data map[string]string) error {
	l.sent = append(l.sent, a.Name+" "+kind+" "+data["ip"]+" "+data["country"])
	return nil
}

// withPlaces lets the node know where addresses are.
func (n *node) withPlaces() *geo.Reader {
	n.t.Helper()
	r, err := geo.Open(geotest.Write(n.t, geotest.Cities))
	if err != nil {
		n.t.Fatal(err)
	}
	n.Places = r
	return r
}

// placed is an attempt from an address, with its country as gw_client tells it.
func placed(a Attempt, r *geo.Reader, ip string) Attempt {
	a.Client.IP = netip.MustParseAddr(ip)
	a.Client.Country = r.Country(a.Client.IP)
	return a
}

func TestRisk(t *testing.T) {
	n := newNode(t)
	mail := &letters{}
	n.Notices = mail
	r := n.withPlaces()
	n.person("ursula", false)
	first := n.loginFrom(placed(from("ursula", ""), r, berlin))
	if len(first.Identity.Risk) != 0 || len(mail.sent) != 0 {
		t.Error("the first login of all:", first.Identity.Risk, mail.sent)
	}
	for _, c := range []struct {
		name, cookie, ip string
		later            time.Duration
		want             []string
		told             int
	}{
		{"the same device", first.Device, berlin, time.Hour, nil, 0},
		{"another device", "", berlin, time.Hour, []string{RiskDevice}, 1},
		{"another town, by train", first.Device, munich, 4 * time.Hour, nil, 0},
		{"another town, at once", first.Device, berlin, time.Minute, []string{RiskTravel}, 0},
		{"another country, by plane", first.Device, auckland, 30 * time.Hour, []string{RiskCountry}, 0},
		{"back too soon", first.Device, berlin, time.Hour, []string{RiskTravel}, 0},
		{"a thief", "", auckland, time.Hour, []string{RiskDevice, RiskTravel}, 1},
		{"nowhere", first.Device, "10.0.0.1", time.Minute, nil, 0},
		{"from nowhere", first.Device, auckland, time.Minute, nil, 0},
	} {
		n.clock.add(c.later)
		before := len(mail.sent)
		a := placed(from("ursula", c.cookie), r, c.ip)
		res := n.loginFrom(a)
		if !slices.Equal(res.Identity.Risk, c.want) {
			t.Errorf("%s: %v, want %v", c.name, res.Identity.Risk, c.want)
		}
		if told := len(mail.sent) - before; told != c.told {
			t.Errorf("%s: %d mails", c.name, told)
		}
		// It stays with the session, and so comes to the policy with each request.
		again, err := n.Refresh(ctx, res.Tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if id := n.mustVerify(again.Tokens.Access); !slices.Equal(id.Risk, c.want) {
			t.Errorf("%s: after a refresh %v", c.name, id.Risk)
		}
	}
	if got := n.events.count("login-unusual", "success"); got != 5 {
		t.Errorf("%d events", got)
	}
	if want := []string{"ursula new-device 192.0.2.1 DE", "ursula new-device 203.0.113.1 NZ"}; !slices.Equal(mail.sent, want) {
		t.Errorf("%q", mail.sent)
	}
}

func TestWithoutAFileThereIsNoCountry(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.loginFrom(from("ursula", ""))
	a := attempt("ursula")
	a.Client.IP = netip.MustParseAddr(auckland)
	if r := n.loginFrom(a); !slices.Equal(r.Identity.Risk, []string{RiskDevice}) {
		t.Error(r.Identity.Risk)
	}
}

// A stolen device cookie spares no second factor where it seems to have travelled by itself.
func TestTrustDoesNotTravel(t *testing.T) {
	n := newNode(t)
	r := n.withPlaces()
	n.TrustDevice = 30 * day
	secret := n.person("mona", true)
	first, err := n.Login(ctx, placed(from("mona", ""), r, berlin))
	if err != nil {
		t.Fatal(err)
	}
	a := placed(from("mona", ""), r, berlin)
	a.RememberDevice = true
	trusted, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), a)
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(time.Minute)
	for ip, want := range map[string]bool{berlin: true, munich: false, auckland: false} {
		res, err := n.Login(ctx, placed(from("mona", trusted.Device), r, ip))
		if err != nil || (res.Tokens != nil) != want {
			t.Errorf("%s: %+v %v", ip, res, err)
		}
	}
	n.clock.add(5 * time.Hour)
	if res, err := n.Login(ctx, placed(from("mona", trusted.Device), r, munich)); err != nil || res.Tokens == nil || !res.Identity.Trusted || !res.Identity.MFATime.IsZero() {
		t.Errorf("by train: %+v %v", res, err)
	}
	n.clock.add(26 * day)
	if res, err := n.Login(ctx, placed(from("mona", trusted.Device), r, munich)); err != nil || res.Tokens == nil {
		t.Errorf("the 26th day: %+v %v", res, err)
	}
	n.clock.add(4 * day)
	if res, err := n.Login(ctx, placed(from("mona", trusted.Device), r, munich)); err != nil || res.Tokens != nil {
		t.Errorf("trusted for longer than 30 days: %+v %v", res, err)
	}
}

// No session of an account with a second factor begins without it, but on a device that is trusted in that very moment.
func TestTrustIsLookedAtAgainAsTheSessionBegins(t *testing.T) {
	n := newNode(t)
	n.TrustDevice = 30 * day
	secret := n.person("mona", true)
	first, err := n.Login(ctx, from("mona", ""))
	if err != nil {
		t.Fatal(err)
	}
	a := from("mona", "")
	a.RememberDevice = true
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), a)
	if err != nil {
		t.Fatal(err)
	}
	mona, err := n.Accounts.ByName(ctx, "mona")
	if err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		now := n.Now()
		_, err := n.start(ctx, &row{created: now, authTime: now, methods: []string{"pwd"}}, mona, from("mona", r.Device), nil)
		return err
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	if err := n.ForgetDevice(ctx, r.Identity, n.device(r)); err != nil {
		t.Fatal(err)
	}
	if err := begin(); err != ErrSession {
		t.Fatal("after the device was removed:", err)
	}
}
