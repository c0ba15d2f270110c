package session

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/convosphere/gateway/modules/identity/factor"
)

// Keys says for which names and pages security keys and passkeys are.
type Keys struct {
	ID      string   // RP id: a domain; "": the host of each request
	Origins []string // where pages may stand, as https://chat.example.com; none: the host of each request, if it is ID or below it
}

// Check refuses what can't work.
func (k Keys) Check() error {
	if k.ID == "" && len(k.Origins) > 0 {
		return errors.New("webauthn: origins need an rp_id")
	}
	if k.ID != "" {
		if err := (factor.Site{ID: k.ID, Origins: []string{"https://" + k.ID}}).Check(); err != nil {
			return fmt.Errorf("webauthn: rp_id %q: %w", k.ID, err)
		}
	}
	for _, o := range k.Origins {
		host, ok := strings.CutPrefix(o, "https://")
		if name := hostname(host); !ok || strings.ContainsAny(host, "/?#@ ") || !within(name, k.ID) {
			return fmt.Errorf("webauthn: origin %q is not https:// and a host that is %s or below it", o, k.ID)
		}
	}
	return nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// within tells whether a host is the domain or below it.
func within(host, domain string) bool {
	return host != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// site is the relying party for a request. What its Host says can be trusted for this: the browser signs its own origin, and an answer
// made for another name holds nowhere else. Errors: factor.ErrSite.
func (m *Manager) site(t Attempt) (factor.Site, error) {
	host := strings.ToLower(t.Host)
	s := factor.Site{ID: m.WebAuthn.ID, Origins: m.WebAuthn.Origins, Label: m.Label}
	if s.ID == "" {
		s.ID = hostname(host)
	}
	if len(s.Origins) == 0 {
		s.Origins = []string{"https://" + host}
		if !within(hostname(host), s.ID) {
			return s, factor.ErrSite
		}
	}
	return s, s.Check()
}
