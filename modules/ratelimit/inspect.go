package ratelimit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// described is a request that an operator describes by words, as client=192.0.2.1 or user=17.
type described struct {
	asked
	route string
	given map[string]bool // words
}

const describeHelp = "client=<address>, user=<id>, session=<id>, role=<role>[,<role>…], tier=<name>, token=<id>, route=<path of a match>, host=<name>, country=<code>, header:<Name>=<value>, json:<pointer>=<value>"

// describe reads the words. What an address is counted by differs by handler: see of.
func describe(words []string) (*described, error) {
	d := &described{given: map[string]bool{}}
	d.r = &http.Request{Header: http.Header{}, Method: http.MethodGet}
	d.rc = new(reqctx.Request)
	members := map[string]any{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || value == "" {
			return nil, fmt.Errorf("%q: a key is a word and what it is, as %s", w, describeHelp)
		}
		p, err := readKey(name, defaultPrefix)
		switch {
		case err != nil:
			return nil, err
		case p.kind == byAll || p.kind == byConnection || name != p.word && p.kind != byHeader:
			return nil, fmt.Errorf("%q: a key is one of %s", w, describeHelp)
		case d.given[p.word]:
			return nil, fmt.Errorf("%s is there twice", p.word)
		}
		d.given[p.word] = true
		if p.kind == byField {
			err = setMember(members, p.path, value)
		} else {
			err = d.take(&p, value)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(d.given) == 0 {
		return nil, errors.New("whom? " + describeHelp)
	}
	return d, d.setBody(members)
}

// setMember puts a value where a JSON pointer finds it.
func setMember(members map[string]any, path []string, value string) error {
	for _, name := range path[:len(path)-1] {
		next, ok := members[name].(map[string]any)
		if !ok {
			if members[name] != nil {
				return fmt.Errorf("json: %s is a value and holds others", name)
			}
			next = map[string]any{}
			members[name] = next
		}
		members = next
	}
	last := path[len(path)-1]
	if members[last] != nil {
		return fmt.Errorf("json: %s is a value and holds others", last)
	}
	members[last] = value
	return nil
}

func (d *described) setBody(members map[string]any) error {
	d.body.looked = true
	if len(members) == 0 {
		return nil
	}
	text, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("json: %w", err)
	}
	d.body = parseDocument(text)
	return nil
}

// take sets what a word says.
func (d *described) take(p *part, value string) (err error) {
	switch p.kind {
	case byClient:
		if d.addr, err = netip.ParseAddr(value); err != nil {
			return fmt.Errorf("client=%s: it is an address", value)
		}
		d.addr = d.addr.Unmap().WithZone("")
		d.rc.Client.IP = d.addr
	case byUser:
		d.identity().Subject = value
	case bySession:
		d.identity().Session = value
	case byRole:
		d.identity().Roles = strings.Split(value, ",")
	case byToken:
		d.identity().TokenID = value
	case byTier:
		d.tier = value
	case byRoute:
		d.route = value
	case byHost:
		d.r.Host = value
	case byCountry:
		d.rc.Client.Country = strings.ToUpper(value)
	case byHeader:
		d.r.Header.Set(p.header, value)
	}
	return nil
}

func (d *described) identity() *reqctx.Identity {
	if d.rc.Identity == nil {
		d.rc.Identity = new(reqctx.Identity)
	}
	return d.rc.Identity
}

// unknown tells why a key can't be told from what is described, "" where it can. What a request of nobody lacks is counted by client.
func (d *described) unknown(key []part) string {
	for i := range key {
		p := &key[i]
		if p.kind == byAll || d.given[p.word] {
			continue
		}
		who := p.kind == byUser || p.kind == bySession || p.kind == byRole || p.kind == byToken || p.kind == byTier
		switch {
		case p.kind == byConnection:
			return "each connection has its own"
		case p.kind == byRoute, p.kind == byHost, p.kind == byClient, who && d.rc.Identity != nil:
			return p.word + "= is not given"
		case !d.given["client"]:
			return p.word + "= is not given, nor client="
		}
	}
	return ""
}

// readable is whom a charge counts, as an operator may read it. What clients send, and what could be used to be somebody, shows as a digest.
func (h *Handler) readable(a *asked, c *limit.Charge) []string {
	z := aboutOf(c.Zone).zone
	if z == nil {
		return nil
	}
	pattern, _ := z.matches(a.r.Method, a.path)
	words := a.words(nil, h.specs[z.spec], pattern)
	out := make([]string, 0, len(words)/2)
	for pair := range slices.Chunk(words, 2) {
		out = append(out, shown(pair[0], pair[1]))
	}
	return out
}

func shown(word, value string) string {
	known := word == "client" || word == "user" || word == "role" || word == "tier" || word == "route" || word == "country" || word == "host"
	switch {
	case value == "":
		return word
	case known && len(value) <= 128:
		return word + "=" + strings.ReplaceAll(value, "\x00", ",")
	}
	sum := sha256.Sum256([]byte(word + "\x00" + value))
	return word + "=#" + hex.EncodeToString(sum[:6])
}
