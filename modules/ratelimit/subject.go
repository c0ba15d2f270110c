package ratelimit

import (
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// asked is a request as zones look at it.
type asked struct {
	w      http.ResponseWriter
	r      *http.Request
	rc     *reqctx.Request
	addr   netip.Addr  // who is calling, zero: unknown
	prefix Prefix      // how it is counted where a zone says nothing else …
	client string      // … and that
	path   string      // clean
	tier   string      // what the policy last said of who is asking
	level  abuse.Level // what became of who is asking by misbehaving
	size   int64       // bytes of the body, or of the message; below 0: not known yet
	body   document
}

func (h *Handler) asked(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) asked {
	a := asked{w: w, r: r, rc: rc, addr: caller(r, rc), path: clean(r.URL.Path), tier: h.tier(rc), size: r.ContentLength}
	a.prefix, a.client = h.prefix, h.prefix.of(a.addr)
	a.level = h.level(rc)
	return a
}

// caller is who is calling by address. Without gw_client it is what Caddy's trusted_proxies make of it.
func caller(r *http.Request, rc *reqctx.Request) netip.Addr {
	if rc.Client.IP.IsValid() {
		return rc.Client.IP
	}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	ip, err := netip.ParseAddr(text)
	if err != nil {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return netip.Addr{}
		}
		ip = peer.Addr()
	}
	return ip.Unmap().WithZone("")
}

// of is how an address is counted.
func (p Prefix) of(ip netip.Addr) string {
	bits := p.IPv4
	switch {
	case !ip.IsValid():
		return "unknown" // a unix socket, say: all of it is one client
	case ip.Is6():
		bits = p.IPv6
	}
	net, err := ip.Prefix(bits)
	if err != nil || bits == ip.BitLen() {
		return ip.String()
	}
	return net.String()
}

// subject is what a key says of the request; pattern is the path that the zone matched by.
func (a *asked) subject(key []part, pattern string) limit.Subject {
	var space [16]string
	return limit.NewSubject(a.words(space[:0], key, pattern)...)
}

// words appends what is counted by: for each word of the key its name and its value. What the request does not have is counted by its client.
func (a *asked) words(words []string, key []part, pattern string) []string {
	for i := range key {
		p := &key[i]
		if value, ok := a.value(p, pattern); ok {
			words = append(words, p.word, value)
		} else if p.kind == byField && a.body.invalid {
			// Not by client: whoever could evade the count by a body that a back end reads in another way shares one with all who do.
			words = append(words, "invalid:"+p.word, "")
		} else {
			words = append(words, "client", a.client)
		}
	}
	return words
}

// value is what one word says of the request.
func (a *asked) value(p *part, pattern string) (value string, ok bool) {
	switch p.kind {
	case byClient:
		if p.prefix == a.prefix {
			return a.client, true
		}
		return p.prefix.of(a.addr), true
	case byRoute:
		return pattern, true
	case byHost:
		return hostName(a.r.Host), true
	case byCountry:
		return a.rc.Client.Country, a.rc.Client.Country != ""
	case byHeader:
		values := a.r.Header[p.header]
		return strings.Join(values, "\x00"), len(values) > 0 // no value holds a NUL
	case byField:
		return a.field(p)
	case byConnection:
		return a.rc.ID, true // a socket is a request
	case byAll:
		return "", true
	case byTier:
		return a.tier, a.tier != ""
	}
	return who(p.kind, a.rc.Identity)
}

// hostName is a host as it is counted: without the port, which Caddy does not look at where it finds a host's site, and of which a client could name
// a new one for each request.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// who is what a word says of an identity.
func who(k kind, id *reqctx.Identity) (value string, ok bool) {
	if id == nil {
		return "", false
	}
	switch k {
	case byUser:
		value = id.Subject
	case bySession:
		value = id.Session
	case byRole:
		value = roles(id.Roles)
	case byToken:
		value = id.TokenID
		if id.Kind == reqctx.KindPerson && id.Session != "" {
			// A personal token is its own session. The tokens of a person's session are new every few minutes, and would begin anew.
			value = id.Session
		}
	}
	return value, value != ""
}

func roles(of []string) string {
	if len(of) == 1 {
		return of[0]
	}
	return strings.Join(slices.Sorted(slices.Values(of)), "\x00")
}

// readable is what is counted by, for people: user=01J…, client=192.0.2.1. What may be a secret or a person's name (headers, members of bodies) is
// not told, only that it is the same.
func readable(words []string) string {
	var b strings.Builder
	for i := 0; i+1 < len(words); i += 2 {
		word, value := words[i], words[i+1]
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		if strings.HasPrefix(word, "header:") || strings.HasPrefix(word, "json:") {
			sum := limit.NewSubject(word, value)
			value = "#" + hex.EncodeToString(sum[:4])
		}
		if value != "" {
			b.WriteString("=" + strings.ReplaceAll(value, "\x00", ","))
		}
	}
	return b.String()
}
