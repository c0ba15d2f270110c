package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// kind is what a word of a key looks at.
type kind uint8

const (
	byClient kind = iota
	byUser
	bySession
	byRole
	byTier
	byToken
	byRoute
	byHost
	byCountry
	byHeader
	byField
	byConnection
	byAll
)

// keys are the words of Zone.Key; those that end in : take an argument.
var keys = []struct {
	word string
	kind kind
}{
	{"client", byClient}, {"user", byUser}, {"session", bySession}, {"role", byRole}, {"tier", byTier}, {"token", byToken}, {"route", byRoute}, {"host", byHost},
	{"country", byCountry}, {"header:", byHeader}, {"json:", byField}, {"connection", byConnection}, {"global", byAll},
}

const keyHelp = "client, client/<IPv4 bits>/<IPv6 bits>, user, session, role, tier, token, route, host, country, header:<Name>, json:<pointer>, connection, global"

// Prefix is how addresses are counted together: as many leading bits tell one caller from another.
type Prefix struct {
	IPv4 int `json:"ipv4"`
	IPv6 int `json:"ipv6"`
}

// defaultPrefix is what one caller has: an IPv4 address, or an IPv6 network in which all addresses can be chosen.
var defaultPrefix = Prefix{32, 64}

func (p Prefix) validate() error {
	if p.IPv4 < 8 || p.IPv4 > 32 || p.IPv6 < 16 || p.IPv6 > 128 {
		return errors.New("a client's prefix has 8 to 32 bits of an IPv4 address and 16 to 128 of an IPv6 address, as 32/64")
	}
	return nil
}

// part is one word of a key, compiled.
type part struct {
	kind   kind
	word   string   // leads the value in what is counted, so that no user is named as an address is counted
	header string   // its canonical name
	path   []string // the JSON pointer's tokens
	prefix Prefix
}

// readKey reads one word. A client without bits is counted by prefix.
func readKey(word string, prefix Prefix) (p part, err error) {
	name, arg := word, ""
	if i := strings.IndexAny(word, ":/"); i >= 0 {
		name, arg = word[:i+1], word[i+1:]
		if word[i] == '/' {
			name = word[:i]
		}
	}
	i := slices.IndexFunc(keys, func(k struct {
		word string
		kind kind
	}) bool {
		return k.word == name
	})
	if i < 0 || name != word && keys[i].kind != byClient && !strings.HasSuffix(name, ":") {
		return p, fmt.Errorf("key %q: it is one of %s", word, keyHelp)
	}
	p = part{kind: keys[i].kind, word: word, prefix: prefix}
	switch p.kind {
	case byClient:
		p.word = "client"
		if name != word {
			p.prefix, err = readPrefix(strings.Split(arg, "/"))
		}
	case byHeader:
		p.header = http.CanonicalHeaderKey(arg)
		p.word = "header:" + p.header
		switch {
		case !httpguts.ValidHeaderFieldName(arg):
			err = errors.New("there is no such header")
		case p.header == "Host":
			err = errors.New("it is the word host")
		}
	case byField:
		p.path, err = strictjson.Pointer(arg)
		if arg == "" {
			err = errors.New("it names a member, as json:/username")
		}
	}
	if err != nil {
		return p, fmt.Errorf("key %q: %w", word, err)
	}
	return p, nil
}

// readPrefix reads the bits of IPv4 and of IPv6.
func readPrefix(bits []string) (p Prefix, err error) {
	if len(bits) == 2 {
		four, err4 := strconv.ParseUint(bits[0], 10, 8)
		six, err6 := strconv.ParseUint(bits[1], 10, 8)
		if err4 == nil && err6 == nil {
			p = Prefix{int(four), int(six)}
		}
	}
	return p, p.validate()
}

// readKeys reads a zone's key.
func readKeys(words []string, prefix Prefix) ([]part, error) {
	if len(words) > 8 {
		return nil, errors.New("a key has at most 8 words")
	}
	parts := make([]part, 0, len(words))
	for _, w := range words {
		p, err := readKey(w, prefix)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(parts, func(o part) bool { return o.word == p.word }) {
			return nil, fmt.Errorf("key %s is there twice", w)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// has tells whether a word of this kind is in the key.
func has(parts []part, k kind) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.kind == k })
}

// same tells whether two words look at the same.
func (p part) same(o part) bool { return p.word == o.word && p.prefix == o.prefix }
