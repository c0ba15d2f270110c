package session

import (
	"net/netip"
	"testing"

	"github.com/convosphere/gateway/modules/internal/abuse"
)

// Wrong passwords and codes count against the address that they come from, right ones and what can't be checked don't.
func TestWrongTriesCount(t *testing.T) {
	n := newSQLiteNode(t)
	n.Abuse = abuse.New(abuse.Rules{Config: abuse.Defaults()}, n.Now)
	secret := n.person("mona", true)
	bad, good := netip.MustParseAddr("198.51.100.66"), netip.MustParseAddr("198.51.100.67")
	try := func(ip netip.Addr) Attempt {
		a := attempt("mona")
		a.Client.IP = ip
		return a
	}
	has := func(ip netip.Addr, want float64) {
		t.Helper()
		if got := n.Abuse.Score(ip); got != want {
			t.Errorf("%s has %g, want %g", ip, got, want)
		}
	}
	n.guess("mona", bad.String(), "")
	n.guess("nobody-of-that-name", bad.String(), "")
	has(bad, 6)
	first, err := n.Login(ctx, try(good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.TOTP(ctx, first.MFAToken, n.wrongCode(secret), try(bad)); err != ErrCode {
		t.Fatal(err)
	}
	has(bad, 9)
	if _, err := n.Recovery(ctx, first.MFAToken, "aaaaa-aaaaa", try(bad)); err != ErrCode {
		t.Fatal(err)
	}
	has(bad, 12)
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), try(good)); err != nil {
		t.Fatal(err)
	}
	has(good, 0)
}
