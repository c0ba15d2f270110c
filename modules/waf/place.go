package waf

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
)

// place is a configuration, as the flags name it.
type place struct{ host.Place }

// handler is the configuration's first gw_waf, and a word on where it comes from; without a configuration, the defaults.
func (p *place) handler() (h Handler, source string, err error) {
	raw, err := p.Adapted()
	if err != nil {
		return h, "", err
	}
	if raw == nil {
		return h, "the defaults", nil
	}
	var c struct {
		Apps struct {
			HTTP struct {
				Servers map[string]json.RawMessage `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return h, "", fmt.Errorf("reading the configuration: %w", err)
	}
	names := make([]string, 0, len(c.Apps.HTTP.Servers))
	for n := range c.Apps.HTTP.Servers {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		var server any
		if err := json.Unmarshal(c.Apps.HTTP.Servers[n], &server); err != nil {
			return h, "", fmt.Errorf("reading the configuration: %w", err)
		}
		found := firstWAF(server)
		if found == nil {
			continue
		}
		delete(found, "handler")
		b, err := json.Marshal(found)
		if err == nil {
			err = caddy.StrictUnmarshalJSON(b, &h)
		}
		if err != nil {
			return h, "", fmt.Errorf("reading gw_waf of %s: %w", p.Config, err)
		}
		return h, p.Config, nil
	}
	return h, "", fmt.Errorf("%s has no gw_waf", p.Config)
}

// firstWAF finds the handler in a server's configuration: lists are searched in order, so it is the first one that stands there.
func firstWAF(v any) map[string]any {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if f := firstWAF(e); f != nil {
				return f
			}
		}
	case map[string]any:
		if v["handler"] == "gw_waf" {
			return v
		}
		names := make([]string, 0, len(v))
		for n := range v {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			if f := firstWAF(v[n]); f != nil {
				return f
			}
		}
	}
	return nil
}
