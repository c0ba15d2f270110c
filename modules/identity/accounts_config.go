package identity

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/breach"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/mail"
)

// Mail is the server that takes the gateway's mails. Placeholders ({env.NAME}, {file.PATH}) are filled in.
type Mail struct {
	// smtp://host[:587], encrypted by STARTTLS, or smtps://host[:465].
	Server string `json:"server,omitempty"`

	// The sender: an address, or "Name <address>".
	From string `json:"from,omitempty"`

	// What the gateway signs in with. Default: it does not.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`

	// "off" sends without encryption: for a server on this machine. Default: encryption, or nothing is sent.
	TLS string `json:"tls,omitempty"`

	// A PEM file of the authorities to trust. Default: the system's.
	CA string `json:"ca,omitempty"`

	// A folder with texts in place of the gateway's own: <language>/<kind>.txt.
	Texts string `json:"texts,omitempty"`

	// The language of mails to people who chose none: en or de. Default: en.
	Language string `json:"language,omitempty"`
}

// Registration says who may open an account.
type Registration struct {
	// off, open, invitation or approval. Default: off.
	Mode string `json:"mode,omitempty"`

	// The role of who registers. Default: user.
	Role string `json:"role,omitempty"`

	// Domains of mail addresses that may register without an invitation. Default: all.
	Domains []string `json:"domains,omitempty"`
}

// Passwords says what new passwords must be.
type Passwords struct {
	// Characters, 8 to 64. Default: 10.
	MinLength int `json:"min_length,omitempty"`

	// Characters, 64 to 128. Default: 128.
	MaxLength int `json:"max_length,omitempty"`

	// How hard to guess, by zxcvbn's measure, 0 to 4. Default: 3.
	Strength *int `json:"strength,omitempty"`

	// Words that passwords must not be made of, beside the label and what is known of the person.
	Words []string `json:"words,omitempty"`

	// How many of a person's last passwords may not come again, at most 24. Default: 0.
	History int `json:"history,omitempty"`

	// A login with an older password asks for another. Default: never.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// Where leaked passwords are looked up beside the embedded list, by the first five digits of their SHA-1: a folder of ranges, or
	// the https address of a service of them. Default: nowhere.
	Breached string `json:"breached,omitempty"`
}

func (m *Mail) config(label string) (mail.Config, error) {
	c := mail.Config{
		Server: m.Server, From: m.From, Username: m.Username, Password: m.Password, CA: m.CA, Texts: m.Texts, Language: m.Language, Service: label,
		Plain: m.TLS == "off",
	}
	if m.TLS != "" && m.TLS != "off" {
		return c, fmt.Errorf("mail tls: it is off, or left out, not %q", m.TLS)
	}
	repl := caddy.NewReplacer()
	for name, v := range map[string]*string{"server": &c.Server, "from": &c.From, "username": &c.Username, "password": &c.Password, "ca": &c.CA, "texts": &c.Texts} {
		filled, err := repl.ReplaceOrErr(*v, true, true)
		if err != nil {
			return c, fmt.Errorf("mail %s: %w", name, err)
		}
		*v = strings.TrimSpace(filled)
	}
	return c, c.Check()
}

// desk is the configuration of package lifecycle.
func (a *App) desk() lifecycle.Config {
	c := lifecycle.Config{Registration: lifecycle.Off, Role: "user", BaseURL: a.PublicURL}
	if r := a.Registration; r != nil {
		c.Domains = r.Domains
		if r.Mode != "" {
			c.Registration = r.Mode
		}
		if r.Role != "" {
			c.Role = r.Role
		}
	}
	return c
}

// checkAccounts refuses what can't work, as far as it can be told without looking outside.
func (a *App) checkAccounts() error {
	policy, err := a.Passwords.policy(a.Label)
	if err == nil {
		err = policy.Check()
	}
	return errors.Join(err, checkPublicURL(a.PublicURL), account.CheckRoles([]string{a.desk().Role}), a.desk().Check(a.Mail != nil))
}

func checkPublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Opaque != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1") {
		return fmt.Errorf("public_url: %q is no address as https://chat.example.org", s)
	}
	return nil
}

// policy is what is configured, without the list to look up: see breached.
func (p *Passwords) policy(label string) (account.Policy, error) {
	policy := account.DefaultPolicy
	policy.Words = []string{label}
	if p == nil {
		return policy, nil
	}
	if p.MinLength != 0 {
		policy.MinLength = p.MinLength
	}
	if p.MaxLength != 0 {
		policy.MaxLength = p.MaxLength
	}
	if p.Strength != nil {
		policy.Strength = *p.Strength
	}
	policy.Words = append(policy.Words, p.Words...)
	policy.History, policy.MaxAge = p.History, time.Duration(p.MaxAge)
	if p.MaxAge < 0 {
		return policy, errors.New("passwords max_age must not be negative")
	}
	return policy, nil
}

func (p *Passwords) breached(log *zap.Logger) (account.Breached, error) {
	switch {
	case p == nil || p.Breached == "":
		return nil, nil
	case strings.Contains(p.Breached, "://"):
		return breach.NewService(p.Breached, http.DefaultClient, log)
	}
	return breach.NewFolder(p.Breached)
}
