package doctor

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Configured is what of a configuration smells can come from, as its JSON has it.
type Configured struct {
	Admin struct {
		Disabled bool   `json:"disabled"`
		Listen   string `json:"listen"`
	} `json:"admin"`
	Logging struct {
		Logs map[string]struct {
			Level string `json:"level"`
		} `json:"logs"`
	} `json:"logging"`
	Apps struct {
		Gateway *Gateway `json:"gateway"`
		HTTP    struct {
			Servers map[string]Server `json:"servers"`
		} `json:"http"`
		TLS struct {
			Certificates struct {
				Files []struct {
					Certificate string `json:"certificate"`
					Key         string `json:"key"`
				} `json:"load_files"`
			} `json:"certificates"`
		} `json:"tls"`
	} `json:"apps"`

	literal []string // paths of settings that hold a secret
}

// Gateway is the app of that name.
type Gateway struct {
	Store      string `json:"store"`
	Database   string `json:"database"`
	FileModes  string `json:"file_modes"`
	PlainLinks string `json:"plain_links"`
	Events     struct {
		Log struct {
			Off bool `json:"off"`
		} `json:"log"`
	} `json:"events"`
	Backup   json.RawMessage `json:"backup"`
	Identity struct {
		SecondFactor struct {
			Required []string `json:"required"`
		} `json:"second_factor"`
	} `json:"identity"`
	Monitor struct {
		Off bool `json:"off"`
	} `json:"monitor"`
}

// Server is one of Caddy's.
type Server struct {
	TrustedProxies json.RawMessage   `json:"trusted_proxies"`
	TLS            []json.RawMessage `json:"tls_connection_policies"`
	AutoHTTPS      struct {
		Disable bool `json:"disable"`
	} `json:"automatic_https"`
}

// ReadConfigured reads a configuration's JSON.
func ReadConfigured(raw []byte) (Configured, error) {
	var c Configured
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("reading the configuration: %w", err)
	}
	var err error
	c.literal, err = literalSecrets(raw)
	return c, err
}

// Smells are settings that work, and that one should think about.
func (c Configured) Smells() []Finding {
	all := c.gateway()
	all = append(all, c.admin(), c.passwords())
	for name, log := range c.Logging.Logs {
		if strings.EqualFold(log.Level, "debug") {
			all = append(all, warn("config-debug", "take it out", "the log %s is at level debug: it tells much of requests", name))
		}
	}
	for name, s := range c.Apps.HTTP.Servers {
		if len(s.TLS) == 0 && s.AutoHTTPS.Disable && isNull(s.TrustedProxies) {
			all = append(all, warn("config-proxies", "servers { trusted_proxies static … }, with what stands in front",
				"server %s speaks plain HTTP, as behind something that ends TLS, and trusts no proxy: all clients then look like that one", name))
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return strings.Compare(a.Check, b.Check) })
	return all
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (c Configured) gateway() []Finding {
	g := c.Apps.Gateway
	if g == nil {
		return []Finding{fail("config-gateway", "add the global option gateway", "the configuration has no gateway")}
	}
	var all []Finding
	smell := func(is bool, check, do, text string) {
		if is {
			all = append(all, warn(check, do, "%s", text))
		} else {
			all = append(all, ok(check, "as it should be"))
		}
	}
	smell(isNull(g.Backup), "config-backup", "backup { … }, and drills of it", "nothing is backed up: what this machine loses is lost")
	smell(g.Events.Log.Off, "config-audit-log", "take out events { log off }", "no audit log is kept: nobody can prove what happened")
	smell(g.FileModes == "warn", "config-file-modes", "file_modes refuse, where the volume has modes", "files that others can read are no reason not to load")
	smell(g.PlainLinks == "warn", "config-plain-links", "name a ca for store and database", "links to other machines may be in the clear")
	smell(g.Monitor.Off, "config-monitor", "take out monitor off", "nobody looks for attacks in the events")
	smell(!slices.Contains(g.Identity.SecondFactor.Required, "admin"), "config-second-factor", "identity { second_factor required admin moderator }", "administrators need no second factor")
	smell((g.Store == "" || g.Store == "memory") && strings.HasPrefix(g.Database, "postgres"), "config-store", "store redis …", "the database is shared and the store is not: of a fleet each gateway counts limits for itself")
	return all
}

func password(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return false
	}
	p, is := u.User.Password()
	return is && p != "" && !strings.ContainsAny(p, "{}")
}

// admin judges where the admin endpoint listens: whoever reaches it may do everything.
func (c Configured) admin() Finding {
	const check, do = "config-admin", "admin unix//run/convosphere/admin.sock"
	listen := c.Admin.Listen
	switch {
	case c.Admin.Disabled:
		return warn(check, do, "there is no admin endpoint: commands reach no running gateway")
	case strings.HasPrefix(listen, "unix/"):
		return ok(check, "a unix socket")
	case listen == "":
		return warn(check, do, "it is on Caddy's default address: every process of this machine reaches it")
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(listen, "tcp/"))
	if err != nil {
		host = ""
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return warn(check, do, "every process of this machine reaches it")
	}
	return fail(check, do, "it listens on %s: other machines may reach it", listen)
}
