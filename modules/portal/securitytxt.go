package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/text/language"
)

const (
	securityPath = "/.well-known/security.txt"
	// securityAge is for how long what is told counts. Who asks later asks anew: RFC 9116 wants less than a year.
	securityAge = 90 * 24 * time.Hour
)

// SecurityText says whom to tell of a weakness of this site (RFC 9116).
type SecurityText struct {
	// Contacts are addresses, mailto:, https: or tel:, the preferred one first.
	Contacts []string `json:"contacts,omitempty"`
	// Policy says what is expected of who looks for weaknesses: an https: address, as the next two.
	Policy string `json:"policy,omitempty"`
	// Encryption is where a key is; openpgp4fpr: and dns: are taken, too.
	Encryption string `json:"encryption,omitempty"`
	// Acknowledgments is where people are thanked.
	Acknowledgments string `json:"acknowledgments,omitempty"`
	// Languages are those that the contacts read, as en.
	Languages []string `json:"languages,omitempty"`
}

var securityRoutes = map[string]route{
	securityPath: {permission: public, methods: methods{"GET": (*Handler).securityText}},
}

// check refuses what is no such file.
func (s *SecurityText) check() error {
	if s == nil {
		return nil
	}
	if len(s.Contacts) == 0 {
		return errors.New("security_txt: contact is required, as in: contact mailto:security@example.com")
	}
	for _, c := range s.Contacts {
		if err := addressOf("contact", c, "mailto", "https", "tel"); err != nil {
			return err
		}
	}
	for _, l := range s.Languages {
		if _, err := language.Parse(l); err != nil {
			return fmt.Errorf("security_txt: %q is no language, as en is", l)
		}
	}
	return errors.Join(
		addressOf("policy", s.Policy, "https"),
		addressOf("encryption", s.Encryption, "https", "openpgp4fpr", "dns"),
		addressOf("acknowledgments", s.Acknowledgments, "https"),
	)
}

// addressOf refuses an address that is of none of the schemes, or that would be two lines. None is fine.
func addressOf(field, address string, schemes ...string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err == nil && !strings.ContainsAny(address, " \t\r\n") {
		for _, s := range schemes {
			if u.Scheme == s && (u.Host != "" && u.User == nil || s != "https") && (u.Host+u.Opaque+u.Path) != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("security_txt: %s: %q is no address that begins with %s", field, address, strings.Join(schemes, ":, ")+":")
}

// text is the file as it is at a time.
func (s *SecurityText) text(now time.Time) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	for _, c := range s.Contacts {
		line("Contact", c)
	}
	line("Expires", now.UTC().Truncate(24*time.Hour).Add(securityAge).Format(time.RFC3339))
	line("Policy", s.Policy)
	line("Encryption", s.Encryption)
	line("Acknowledgments", s.Acknowledgments)
	line("Preferred-Languages", strings.Join(s.Languages, ", "))
	return b.String()
}

func (h *Handler) securityText(c *call) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Cache-Control", "public, max-age=86400")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write([]byte(h.SecurityText.text(time.Now())))
	}
	return nil
}

func (h *Handler) readSecurityText(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	s := new(SecurityText)
	one := func(into *string) func(*caddyfile.Dispenser) error {
		return func(d *caddyfile.Dispenser) error {
			if !d.Args(into) || d.NextArg() {
				return d.ArgErr()
			}
			return nil
		}
	}
	many := func(into *[]string) func(*caddyfile.Dispenser) error {
		return func(d *caddyfile.Dispenser) error {
			if *into = append(*into, d.RemainingArgs()...); len(*into) == 0 {
				return d.ArgErr()
			}
			return nil
		}
	}
	err := eachOnce(d, "security_txt", map[string]func(*caddyfile.Dispenser) error{
		"contact": many(&s.Contacts), "policy": one(&s.Policy), "encryption": one(&s.Encryption), "acknowledgments": one(&s.Acknowledgments), "languages": many(&s.Languages),
	})
	if err != nil {
		return err
	}
	if err := s.check(); err != nil { // here, too, where file and line are known
		return d.Err(err.Error())
	}
	h.SecurityText = s
	return nil
}
