package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/internal/store"
)

// parseLink reads how a link is encrypted, nil where nothing is said. Syntax:
//
//	{
//		ca                 <file>
//		client_certificate <certificate> <key>
//		server_name        <name>
//	}
//
// Where the system's authorities vouch for the server, the address says all: rediss://, or sslmode=verify-full.
func parseLink(d *caddyfile.Dispenser, option string) (*link.TLS, error) {
	var t link.TLS
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return nil, d.Errf("%s: %s is given twice", option, name)
		}
		seen[name] = true
		var err error
		switch name {
		case "ca":
			err = one(d, &t.CA)
		case "server_name":
			err = one(d, &t.ServerName)
		case "client_certificate":
			if !d.AllArgs(&t.Certificate, &t.Key) || t.Certificate == "" || t.Key == "" {
				err = d.ArgErr()
			}
		default:
			err = d.Errf("unknown subdirective %q: the block of %s knows ca, client_certificate and server_name", name, option)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(seen) == 0 {
		return nil, nil
	}
	return &t, nil
}

func (a *App) parsePlainLinks(d *caddyfile.Dispenser) error {
	if err := one(d, &a.PlainLinks); err != nil {
		return err
	}
	if a.PlainLinks != "refuse" && a.PlainLinks != "warn" {
		return d.Errf("plain_links is refuse or warn, not %q", a.PlainLinks)
	}
	return nil
}

// secureLinks puts what the configuration says of links into their addresses, which are all that opens them, here and in commands.
func (a *App) secureLinks() (err error) {
	if a.Database, err = host.DatabaseName(a.Database, a.DatabaseTLS); err != nil || a.StoreTLS == nil {
		return err
	}
	if a.Store == "memory" {
		return errors.New("store_tls: the store is no link to another machine")
	}
	t, err := host.FillTLS(*a.StoreTLS)
	if err == nil {
		a.Store, err = store.Secure(a.Store, t)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// errPlain is what is wrong with a link that whoever is on its way can read and change.
var errPlain = errors.New("without TLS that verifies it: whoever is on the way could read and change what the gateway keeps there")

// checkLinks looks for links to other machines that are not encrypted and verified. Fail closed: sessions, limits and accounts pass there; with "warn" for
// networks that encrypt by themselves.
func (a *App) checkLinks() error {
	switch a.PlainLinks {
	case "", "refuse", "warn":
	default:
		return fmt.Errorf("plain_links is refuse or warn, not %q", a.PlainLinks)
	}
	if a.Store != "memory" {
		hosts, err := store.Plain(a.Store)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := a.plain("store", hosts, "rediss://, or a block with ca"); err != nil {
			return err
		}
	}
	hosts, err := database.Plain(a.Database)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return a.plain("database", hosts, "sslmode=verify-full, or a block with ca")
}

// plain refuses a link to these hosts, or warns of it.
func (a *App) plain(what string, hosts []string, instead string) error {
	if len(hosts) == 0 {
		return nil
	}
	if a.PlainLinks == "warn" {
		a.logger.Warn("another machine is reached in the clear", zap.String("link", what), zap.Strings("hosts", hosts))
		return nil
	}
	return fmt.Errorf("%s: %s would be reached %w; write %s, or plain_links warn where the network itself is encrypted", what, strings.Join(hosts, " and "), errPlain, instead)
}

// checkOutput is checkLinks for where events go.
func (a *App) checkOutput(name, to string) error {
	if !ship.Exposed(to) || a.logger == nil {
		return nil
	}
	if a.PlainLinks == "warn" {
		a.logger.Warn("events cross the network in the clear: whoever listens on the way reads them", zap.String("output", name))
		return nil
	}
	return fmt.Errorf("%w, or plain_links warn where the network itself is encrypted", errEventsPlain)
}

var errEventsPlain = errors.New("events would cross the network in the clear, for whoever listens on the way: write an address of TLS")

// storeOptions are how the store's clients connect.
func (a *App) storeOptions() []store.Option {
	if a.PlainLinks == "warn" {
		return nil
	}
	return []store.Option{store.LocalPlain}
}
