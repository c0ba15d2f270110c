package identity

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// SecondFactor says who must have a second factor.
type SecondFactor struct {
	// Roles that must have one: who has such a role and no second factor enrols one at the next login, before it is complete. Default: none.
	Required []string `json:"required,omitempty"`
}

// WebAuthn says where security keys and passkeys can be used.
type WebAuthn struct {
	// The RP id: a domain. Keys work on it and below it, and never after it was changed. Default: the host of each request.
	RPID string `json:"rp_id,omitempty"`

	// The origins of pages that may ask for a key, as https://chat.example.com. Default: the host of each request, where it is rp_id or below it.
	Origins []string `json:"origins,omitempty"`
}

func (s *SecondFactor) unmarshal(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	if d.Val() != "required" {
		return d.Errf("second_factor: %q is not known, only: second_factor required <role>...", d.Val())
	}
	return list(d, &s.Required)
}

func (w *WebAuthn) unmarshal(d *caddyfile.Dispenser) error {
	return block(d, "webauthn", map[string]func() error{
		"rp_id":   func() error { return text(d, &w.RPID) },
		"origins": func() error { return list(d, &w.Origins) },
	})
}

// block reads what stands in braces behind a word; names tell what may, each once.
func block(d *caddyfile.Dispenser, word string, names map[string]func() error) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		read, ok := names[name]
		if !ok {
			return d.Errf("unknown subdirective %q: %s knows %s", name, word, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// list reads one or more words.
func list(d *caddyfile.Dispenser, to *[]string) error {
	if *to = d.RemainingArgs(); len(*to) == 0 {
		return d.ArgErr()
	}
	return nil
}
