package session

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/geo"
)

// What can be unusual of a login. A sign for people and policies, not a reason by itself to refuse: who travels or uses a VPN has them, too.
const (
	RiskDevice  = "new-device"        // the account was used before, never from there
	RiskCountry = "new-country"       // nor from this country
	RiskTravel  = "impossible-travel" // nobody gets so quickly from where the last login was
)

// Places tells where addresses are.
type Places interface {
	Place(ip netip.Addr) (geo.Place, bool)
}

// risks are what is unusual of a login.
func (m *Manager) risks(at device.Arrival, t Attempt, now time.Time) (all []string) {
	if at.New && !at.First {
		all = append(all, RiskDevice)
	}
	if at.NewCountry {
		all = append(all, RiskCountry)
	}
	if m.impossible(at.LastIP, t.Client.IP, now.Sub(at.LastAt)) {
		all = append(all, RiskTravel)
	}
	return all
}

// impossible tells whether one person can't have been at both addresses.
func (m *Manager) impossible(from, to netip.Addr, in time.Duration) bool {
	if m.Places == nil || !from.IsValid() || !to.IsValid() || from == to {
		return false
	}
	a, ok := m.Places.Place(from)
	if !ok {
		return false
	}
	b, ok := m.Places.Place(to)
	return ok && geo.Impossible(a, b, in)
}

// unusual records a login that was.
func (m *Manager) unusual(t Attempt, s *row) {
	if len(s.risk) == 0 {
		return
	}
	e := &event.Event{
		Time: m.Now(), Category: "authentication", Action: "login-unusual", Outcome: event.Success, RequestID: t.RequestID, TraceID: t.TraceID, UserAgent: t.UserAgent,
		UserID: s.account.ID, Session: s.id, Begun: s.created, Device: s.device, SourceIP: s.ip, Country: s.country, Account: m.accountOf(t, s.account),
		Fields: []zap.Field{zap.Strings("gateway.risk.reasons", s.risk)},
	}
	m.Events.Emit(e)
	for _, r := range s.risk {
		risks.WithLabelValues(r).Inc()
	}
}

// Trusted tells whether the browser is one where the person of this account has given a second factor lately and asked not to be asked for
// it again. Not where its cookie seems to have been carried away: to another country, or faster than anybody travels. An error is no trust: the factor is
// asked for.
func (m *Manager) Trusted(ctx context.Context, a account.Account, t Attempt) (bool, error) {
	if m.TrustDevice == 0 || t.Device == "" {
		return false, nil
	}
	now := m.Now()
	d, ok, err := m.devices.Known(ctx, now, a.ID, t.Device)
	if err != nil || !ok || !d.Trusted(now, a.Revision) {
		return false, err
	}
	if d.Country != "" && t.Client.Country != "" && d.Country != t.Client.Country {
		return false, nil
	}
	from, err := netip.ParseAddr(d.IP)
	return err != nil || !m.impossible(from, t.Client.IP, now.Sub(d.UsedAt)), nil
}
