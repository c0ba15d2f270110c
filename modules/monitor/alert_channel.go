package monitor

import (
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/monitor/alert"
)

// AlertChannel is one way to people. Placeholders ({env.NAME}, {file.PATH}) in addresses, headers and secrets are filled in at load.
type AlertChannel struct {
	Name string `json:"name"`
	// "webhook", "slack", "mail" or "syslog".
	Kind string `json:"kind"`
	// An https:// address; of mail one or several mail addresses; of syslog tls://, tcp:// or udp://host:port.
	To []string `json:"to"`
	// The least level of incidents: "low", "medium", "high" (default) or "critical".
	Level string `json:"level,omitempty"`
	// Told by escalation alone.
	Later bool `json:"later,omitempty"`
	// Hours in which only critical incidents are told.
	Quiet *AlertQuiet `json:"quiet,omitempty"`
	// Headers of requests (webhook, slack).
	Headers map[string]string `json:"headers,omitempty"`
	// What requests are signed with (webhook).
	Secret string `json:"secret,omitempty"`
	// PEM file of the authorities to trust. Default: the system's.
	CA string `json:"ca,omitempty"`
	// PEM files of the certificate that the gateway shows, and of its key (webhook, slack, syslog).
	Certificate    string `json:"client_certificate,omitempty"`
	CertificateKey string `json:"client_key,omitempty"`
	// Of messages (syslog). Default: "authpriv".
	Facility string `json:"facility,omitempty"`
	// The mail server: smtp://host[:587], smtps://host[:465]. Default: that of `identity`.
	Server   string `json:"server,omitempty"`
	From     string `json:"from,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// "off" mails without encryption, to a server on this machine.
	TLS string `json:"tls,omitempty"`
}

// fits refuses settings that its kind does not know.
func (c *AlertChannel) fits() error {
	for _, given := range []struct {
		word  string
		is    bool
		kinds []string
	}{
		{"header", len(c.Headers) > 0, []string{"webhook", "slack"}},
		{"secret", c.Secret != "", []string{"webhook"}},
		{"client_certificate", c.Certificate != "" || c.CertificateKey != "", []string{"webhook", "slack", "syslog"}},
		{"facility", c.Facility != "", []string{"syslog"}},
		{"server", c.Server != "" || c.From != "" || c.Username != "" || c.Password != "" || c.TLS != "", []string{"mail"}},
	} {
		if given.is && !slices.Contains(given.kinds, c.Kind) {
			return fmt.Errorf("%s goes with %s, not with %s", given.word, strings.Join(given.kinds, " and "), c.Kind)
		}
	}
	switch {
	case !slices.Contains([]string{"webhook", "slack", "mail", "syslog"}, c.Kind):
		return fmt.Errorf("%q is no kind: they are webhook, slack, mail and syslog", c.Kind)
	case len(c.To) == 0:
		return errors.New("it does not say where to")
	case len(c.To) > 1 && c.Kind != "mail":
		return errors.New("only mail goes to several addresses: make a channel for each")
	case (c.Server == "") != (c.From == ""):
		return errors.New("server and from go together")
	case c.Server == "" && (c.Username != "" || c.Password != "" || c.TLS != "" || c.Kind == "mail" && c.CA != ""):
		return errors.New("they are of a server, which is not named")
	case c.TLS != "" && c.TLS != "off":
		return errors.New("tls: leave it out, or write tls off")
	}
	return nil
}

// open reads a channel. It does not connect.
func (c AlertChannel) open(app *App, ctx caddy.Context) (one alert.Channel, err error) {
	if !channelName.MatchString(c.Name) {
		return one, errors.New("a name is up to 32 of a-z, 0-9, - and _")
	}
	if err := c.fits(); err != nil {
		return one, err
	}
	c.To, c.Headers = slices.Clone(c.To), maps.Clone(c.Headers)
	texts := []*string{&c.Secret, &c.CA, &c.Certificate, &c.CertificateKey, &c.Server, &c.From, &c.Username, &c.Password}
	for i := range c.To {
		texts = append(texts, &c.To[i])
	}
	if err := filled(texts...); err != nil {
		return one, err
	}
	for k, v := range c.Headers {
		if err := filled(&v); err != nil {
			return one, err
		}
		c.Headers[k] = v
	}
	if ship.Exposed(c.To[0]) {
		app.logger.Warn("alerts cross the network in the clear: whoever listens on the way reads them", zap.String("channel", c.Name))
	}
	one = alert.Channel{Name: c.Name, Later: c.Later}
	if one.Level, err = parseAlertLevel(c.Level); err != nil {
		return one, err
	}
	if one.Quiet, err = c.Quiet.parse(); err != nil {
		return one, err
	}
	if err := app.ground.Expiry.Link(expiry.Alert, c.Name, c.files()); err != nil {
		return one, err
	}
	one.To, err = c.receiver(ctx)
	return one, err
}

func (c *AlertChannel) files() link.TLS {
	return link.TLS{CA: c.CA, Certificate: c.Certificate, Key: c.CertificateKey}
}

func (c *AlertChannel) receiver(ctx caddy.Context) (alert.Receiver, error) {
	switch c.Kind {
	case "mail":
		return c.mail(ctx)
	case "syslog":
		s, err := ship.NewSyslog(ship.SyslogConfig{Address: c.To[0], Facility: c.Facility, TLS: c.files()})
		return alert.Syslog{To: s}, err
	}
	w, err := ship.NewWebhook(ship.HTTP{URL: c.To[0], Header: c.Headers, TLS: c.files()}, c.Secret)
	if c.Kind == "slack" {
		return alert.Slack{Hook: w}, err
	}
	return alert.Webhook{Hook: w}, err
}

// mailer is the app gw_identity, for its mail server.
type mailer interface {
	Mailer() (c mail.Config, ok bool, err error)
}

func (c *AlertChannel) mail(ctx caddy.Context) (alert.Receiver, error) {
	for _, to := range c.To {
		if a, err := netmail.ParseAddress(to); err != nil || a.Address != to {
			return nil, fmt.Errorf("%q is no mail address as ops@example.org", to)
		}
	}
	config := mail.Config{Server: c.Server, From: c.From, Username: c.Username, Password: c.Password, Plain: c.TLS == "off", CA: c.CA, Language: "en"}
	if c.Server == "" {
		people, err := host.App[mailer](ctx, "gw_identity")
		if err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
			return nil, err
		}
		ok := false
		if err == nil {
			if config, ok, err = people.Mailer(); err != nil {
				return nil, err
			}
		}
		if !ok {
			return nil, errors.New("there is no mail server: name one by server and from, or by mail in the block identity")
		}
	}
	client, err := mail.NewClient(config)
	if err != nil {
		return nil, err
	}
	return alert.Mail{Client: client, To: c.To}, nil
}
