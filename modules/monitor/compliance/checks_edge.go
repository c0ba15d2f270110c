package compliance

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// edgeChecks are of what the gateway is towards the network.
var edgeChecks = []Check{
	{"tls", "Clients reach the gateway over TLS 1.2 or later alone", "Let Caddy manage certificates for the site (name its host, without http://), and set `tls { protocols tls1.3 }`.", lookTLS},
	{"certificates", "Certificates are valid, and renewed in time", "See Caddy's log for why the certificate is not renewed; ACME needs ports 80 or 443, or DNS.", lookCertificates},
	{"certificates-public", "Certificates are issued by authorities that browsers trust", "Name the site by a public host name, without `tls internal`: Caddy then orders a certificate by ACME.", lookPublic},
	{"hsts", "Browsers are told to use nothing but HTTPS, for a year or more", "Leave Strict-Transport-Security of gw_headers at its default, or set `max-age=31536000; includeSubDomains`.", lookHSTS},
	{"hsts-subdomains", "Browsers are told so for the hosts below this one as well (HSTS includes subdomains)", "In gw_secure: headers { Strict-Transport-Security \"max-age=31536000; includeSubDomains\" }, once all of them have HTTPS.", lookSubdomains},
	{"csp", "Pages forbid plug-ins and other bases by a content security policy", "In gw_secure: headers { Content-Security-Policy \"default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'\" }, or have the application send a stricter one.", lookCSP},
	{"framing", "Pages can't be framed by others", "Keep frame-ancestors in the Content-Security-Policy of gw_headers.", header("Content-Security-Policy", "frame-ancestors")},
	{"nosniff", "Browsers do not guess content types", "Keep gw_headers on the site: it sets X-Content-Type-Options.", header("X-Content-Type-Options", "nosniff")},
	{"referrer", "Addresses do not leak to other sites", "Keep Referrer-Policy of gw_headers.", header("Referrer-Policy", "strict-origin", "no-referrer", "same-origin")},
	{"opener", "Pages of others have no hold on the site's windows", "Keep Cross-Origin-Opener-Policy of gw_headers.", header("Cross-Origin-Opener-Policy", "same-origin")},
	{"resources", "Other sites can't embed the site's resources", "Keep Cross-Origin-Resource-Policy of gw_headers.", header("Cross-Origin-Resource-Policy", "same-")},
	{"upstream-tls", "Between the gateway and applications on other machines there is TLS, and the certificate is verified", "In reverse_proxy: an https:// upstream, or transport http { tls }; without tls_insecure_skip_verify.", lookUpstreams},
	{"client-headers", "Nobody can send the headers that only the gateway may set", "Put gw_client before the application (gw_secure has it).", func(f *Facts) Outcome { return before(f, "gw_client", nil) }},
	{"trusted-proxies", "The address of a client is taken from proxies alone that are known", "Name the addresses of your proxies in trusted_proxies, not all addresses.", lookProxies},
	{"timeouts", "Slow clients are cut", "Set servers { timeouts { read_header 10s; idle 2m } }, and leave the other timeouts on.", lookTimeouts},
	{"admin-endpoint", "The admin endpoint is reached from this machine alone, with the rights of a file, or by client certificates", "In the global options: admin unix//run/convosphere/admin.sock", lookAdmin},
	{"metrics-exposure", "Metrics are not there for everybody", "Put `metrics` behind gw_authorize, or on an address that only the monitoring reaches.", lookMetrics},
	{"credentials-logged", "Caddy's own logs hold no credentials", "Take log_credentials out of the servers' options.", lookLogCredentials},
}

func lookTLS(f *Facts) Outcome {
	return each(f.content(), "no site answers", func(p place) Outcome {
		switch {
		case len(p.server.TLS) == 0 && nearServer(p.server):
			return notApplicable("only this machine reaches server %s", p.server.Name)
		case len(p.server.TLS) == 0:
			return notMet("server %s speaks plain HTTP at %s", p.server.Name, comma(p.server.Listen))
		}
		least := "tls1.3"
		for _, t := range p.server.TLS {
			v := inforce.Text(t, "protocol_min")
			if v == "" {
				v = "tls1.2" // Caddy's own
			}
			if inforce.Text(t, "insecure_secrets_log") != "" {
				return notMet("the secrets of TLS connections are logged")
			}
			least = min(least, v)
		}
		if least < "tls1.2" {
			return notMet("%s is accepted", least)
		}
		return met("%s and later", least)
	})
}

// lookCertificates wants a tenth of the life of each to be left: those of an authority of one's own may live for hours.
func lookCertificates(f *Facts) Outcome {
	var all []Outcome
	for _, c := range f.Config.Certificates {
		left, life := c.Until.Sub(f.At), c.Until.Sub(c.From)
		switch {
		case left <= 0:
			all = append(all, notMet("%s: it ended on %s", c.Host, c.Until.Format(time.DateOnly)))
		case left < life/10:
			all = append(all, notMet("%s: it ends on %s, and is not renewed", c.Host, c.Until.Format(time.DateTime)))
		default:
			all = append(all, met("%s: until %s", c.Host, c.Until.Format(time.DateTime)))
		}
	}
	if len(all) > 0 {
		return gather(all, "")
	}
	for _, p := range f.content() {
		if len(p.server.TLS) > 0 {
			return unknown("no certificate is at hand for %s", p.site.Name())
		}
	}
	return notApplicable("no site speaks TLS")
}

func lookPublic(f *Facts) Outcome {
	var all []Outcome
	for _, c := range f.Config.Certificates {
		if c.Public {
			all = append(all, met("%s: by %s", c.Host, c.Issuer))
		} else {
			all = append(all, notMet("%s: by %s, which this machine's list of authorities does not vouch for", c.Host, orDefault(c.Issuer, "nobody")))
		}
	}
	return gather(all, "no certificate is at hand")
}

// headers are those that gw_headers sets at a site.
func (p place) headers() (inforce.Tree, bool) {
	guards, bare := p.guards("gw_headers", "reverse_proxy", "file_server", "gw_portal", "gw_console")
	if len(guards) == 0 || bare {
		return nil, false
	}
	set, _ := inforce.Get(guards[0].Settings, "set").(inforce.Tree)
	return set, true
}

// header has every site send a header with one of some words.
func header(name string, words ...string) func(*Facts) Outcome {
	return func(f *Facts) Outcome {
		return each(f.content(), "no site answers", func(p place) Outcome {
			set, ok := p.headers()
			value, _ := set[name].(string)
			switch {
			case !ok:
				return notMet("gw_headers is not there")
			case value == "":
				return notMet("%s is not set", name)
			}
			for _, w := range words {
				if strings.Contains(value, w) {
					return met("%s: %s, where the application does not say otherwise", name, value)
				}
			}
			return notMet("%s is %q", name, value)
		})
	}
}

var maxAge = regexp.MustCompile(`max-age="?(\d+)`)

func lookHSTS(f *Facts) Outcome {
	return each(f.content(), "no site answers", func(p place) Outcome {
		set, _ := p.headers()
		value, _ := set["Strict-Transport-Security"].(string)
		m := maxAge.FindStringSubmatch(value)
		if m == nil {
			return notMet("Strict-Transport-Security is not set")
		}
		if n, err := strconv.ParseInt(m[1], 10, 64); err != nil || n < 31536000 {
			return notMet("Strict-Transport-Security is for %s seconds", m[1])
		}
		return met("%s (not said on localhost and addresses, where browsers would refuse other ports)", value)
	})
}

func lookSubdomains(f *Facts) Outcome {
	return each(f.content(), "no site answers", func(p place) Outcome {
		set, _ := p.headers()
		if value, _ := set["Strict-Transport-Security"].(string); !strings.Contains(strings.ToLower(value), "includesubdomains") {
			return notMet("Strict-Transport-Security is for the host alone")
		}
		return met("Strict-Transport-Security includes subdomains")
	})
}

func lookCSP(f *Facts) Outcome {
	return each(f.content(), "no site answers", func(p place) Outcome {
		set, _ := p.headers()
		value, _ := set["Content-Security-Policy"].(string)
		for _, want := range []string{"object-src 'none'", "base-uri 'none'"} {
			if !strings.Contains(value, want) {
				return notMet("the policy for answers that bring none of their own lacks %s: %q", want, value)
			}
		}
		return met("%s, where the application does not say otherwise", value)
	})
}

func lookUpstreams(f *Facts) Outcome {
	return each(f.applications(), noApplication, func(p place) Outcome {
		var all []Outcome
		for _, h := range p.site.Handlers {
			if h.Module == "reverse_proxy" {
				all = append(all, upstreams(h))
			}
		}
		return gather(all, "")
	})
}

func upstreams(h inforce.Handler) Outcome {
	if inforce.Get(h.Settings, "dynamic_upstreams") != nil {
		return unknown("where applications are is looked up while it runs")
	}
	tls := inforce.Get(h.Settings, "transport.tls") != nil
	var all []Outcome
	for _, u := range list(h.Settings, "upstreams") {
		dial := inforce.Text(u, "dial")
		switch {
		case near(dial):
			all = append(all, met("%s is on this machine", dial))
		case inforce.True(h.Settings, "transport.tls.insecure_skip_verify"):
			all = append(all, notMet("the certificate of %s is not verified", dial))
		case !tls:
			all = append(all, notMet("%s is reached without TLS", dial))
		default:
			all = append(all, met("%s is reached over TLS", dial))
		}
	}
	return gather(all, "no application is named")
}

func lookProxies(f *Facts) Outcome {
	var all []Outcome
	for i := range f.Config.Servers {
		s := &f.Config.Servers[i]
		if inforce.Get(s.Settings, "trusted_proxies") == nil {
			all = append(all, met("server %s trusts no proxy: an address is the connection's own", s.Name))
			continue
		}
		ranges := inforce.Texts(s.Settings, "trusted_proxies.ranges")
		bad := false
		for _, r := range ranges {
			bad = bad || strings.HasSuffix(r, "/0")
		}
		if bad {
			all = append(all, notMet("server %s believes everybody's X-Forwarded-For", s.Name))
			continue
		}
		all = append(all, met("server %s trusts %s", s.Name, comma(ranges)))
	}
	return gather(all, "no server runs")
}

func lookTimeouts(f *Facts) Outcome {
	var all []Outcome
	for i := range f.Config.Servers {
		s := &f.Config.Servers[i]
		head, idle := inforce.Age(s.Settings, "read_header_timeout"), inforce.Age(s.Settings, "idle_timeout")
		switch {
		case head <= 0 || head > time.Minute:
			all = append(all, notMet("server %s waits %s for the head of a request", s.Name, head))
		case idle <= 0 || idle > 10*time.Minute:
			all = append(all, notMet("server %s keeps idle connections for %s", s.Name, idle))
		case inforce.Age(s.Settings, "read_timeout") <= 0 && inforce.Age(s.Settings, "read_idle_timeout") <= 0:
			all = append(all, notMet("server %s waits for bodies without an end", s.Name))
		default:
			all = append(all, met("server %s: head %s, idle %s", s.Name, head, idle))
		}
	}
	return gather(all, "no server runs")
}

func lookAdmin(f *Facts) Outcome {
	a := f.Config.Admin
	if a == nil {
		return unknown("what Caddy's admin endpoint is told can't be read in this build")
	}
	if inforce.True(a, "disabled") {
		return met("there is none")
	}
	if remote, ok := inforce.Get(a, "remote").(inforce.Tree); ok && len(list(remote, "access_control")) == 0 {
		return notMet("the remote admin endpoint lets everybody in")
	}
	listen := inforce.Text(a, "listen")
	switch {
	case strings.HasPrefix(listen, "unix"):
		return met("%s", listen)
	case listen == "" || near(listen):
		return notMet("any program on this machine that reaches TCP can change everything (%s)", orDefault(listen, "localhost:2019"))
	}
	return notMet("it is open to the network at %s", listen)
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func lookMetrics(f *Facts) Outcome {
	places := f.sites("metrics")
	if len(places) == 0 {
		return met("no site serves metrics")
	}
	return each(places, "", func(p place) Outcome {
		if _, bare := p.guards("gw_authorize", "metrics"); bare && !nearServer(p.server) {
			return notMet("metrics can be read without being asked who one is")
		}
		return met("metrics stand behind gw_authorize, or are for this machine")
	})
}

func lookLogCredentials(f *Facts) Outcome {
	var all []Outcome
	for i := range f.Config.Servers {
		s := &f.Config.Servers[i]
		if inforce.True(s.Settings, "logs.should_log_credentials") {
			all = append(all, notMet("server %s logs cookies and Authorization", s.Name))
		} else {
			all = append(all, met("server %s leaves cookies and Authorization out", s.Name))
		}
	}
	return gather(all, "no server runs")
}
