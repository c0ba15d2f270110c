package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/link"
)

// Config says which server takes the mails.
type Config struct {
	Server   string // smtp://host[:587], encrypted by STARTTLS, or smtps://host[:465]
	From     string // an address, also as: Name <address>
	Username string // "" does not sign in
	Password string
	Plain    bool   // no encryption: for a server on this machine
	CA       string // PEM file of the authorities to trust in place of the system's; "" the system's
	Texts    string // folder with texts in place of our own; "" none
	Language string // of mails to who chose none
	Service  string // what the mails call the place
}

// server is a Config that has been read.
type server struct {
	host     string
	port     int
	implicit bool // TLS from the first byte
	from     *netmail.Address
	files    *link.Files // the authorities, as they are
}

// Check refuses what can't work.
func (c Config) Check() error {
	_, err := c.read()
	return err
}

func (c Config) read() (server, error) {
	var s server
	u, err := url.Parse(c.Server)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return s, errors.New("mail server: it is no address as smtp://mail.example.org:587 or smtps://mail.example.org:465")
	}
	switch u.Scheme {
	case "smtp":
		s.port = 587
	case "smtps":
		s.port, s.implicit = 465, true
	default:
		return s, errors.New("mail server: it begins neither with smtp:// nor with smtps://")
	}
	s.host = u.Hostname()
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return s, fmt.Errorf("mail server: %q is no port", p)
		}
	}
	if s.from, err = netmail.ParseAddress(c.From); err != nil || !strings.Contains(s.from.Address, "@") {
		return s, errors.New(`mail from: it is no address as no-reply@example.org or "Name <no-reply@example.org>"`)
	}
	switch {
	case c.Plain && s.implicit:
		return s, errors.New("mail: tls off contradicts smtps://")
	case c.Plain && c.Username != "" && !loopback(s.host):
		return s, errors.New("mail: a password is not sent over the network without encryption: leave out tls off")
	case (c.Username == "") != (c.Password == ""):
		return s, errors.New("mail: username and password go together")
	case !isLanguage(c.Language):
		return s, fmt.Errorf("mail: there are no texts in the language %q: it is en or de", c.Language)
	case strings.ContainsAny(c.Service, "\r\n"):
		return s, errors.New("mail: the service's name must be one line")
	}
	if s.files, err = (link.TLS{CA: c.CA}).Open(); err != nil {
		return s, fmt.Errorf("mail: reading the authorities: %w", err)
	}
	return s, nil
}

// Exposed tells whether mails, and the links in them, cross a network in the clear.
func (c Config) Exposed() bool {
	s, err := c.read()
	return err == nil && c.Plain && !loopback(s.host)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
