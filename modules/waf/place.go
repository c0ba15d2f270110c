package waf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

// place is a configuration, as the flags name it.
type place struct {
	config, adapter, data, keys string

	raw []byte // the configuration as JSON, once read
}

// adapted is the configuration as JSON, nil where none is named.
func (p *place) adapted() ([]byte, error) {
	if p.config == "" || p.raw != nil {
		return p.raw, nil
	}
	raw, _, _, err := caddycmd.LoadConfig(p.config, p.adapter)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	p.raw = raw
	return raw, nil
}

// handler is the configuration's first gw_waf, and a word on where it comes from; without a configuration, the defaults.
func (p *place) handler() (h Handler, source string, err error) {
	raw, err := p.adapted()
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
			return h, "", fmt.Errorf("reading gw_waf of %s: %w", p.config, err)
		}
		return h, p.config, nil
	}
	return h, "", fmt.Errorf("%s has no gw_waf", p.config)
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

// folders are where the gateway's data and keys are, as the app gateway resolves them.
func (p *place) folders() (data, keys string, err error) {
	data, keys = p.data, p.keys
	raw, err := p.adapted()
	if err != nil {
		return "", "", err
	}
	if raw != nil {
		var c struct {
			Apps struct {
				Gateway *struct {
					DataDir string `json:"data_dir"`
					Keys    string `json:"keys"`
				} `json:"gateway"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			return "", "", fmt.Errorf("reading the configuration: %w", err)
		}
		g := c.Apps.Gateway
		if g == nil && data == "" && keys == "" {
			return "", "", fmt.Errorf("%s configures no gateway, whose keys open captures: name its folder with --data", p.config)
		}
		if g != nil {
			if data == "" {
				data = g.DataDir
			}
			if keys == "" && p.data == "" {
				keys = g.Keys
			}
		}
	}
	repl := caddy.NewReplacer()
	for _, v := range []*string{&data, &keys} {
		filled, err := repl.ReplaceOrErr(*v, true, true)
		if err != nil {
			return "", "", err
		}
		*v = strings.TrimSpace(filled)
	}
	if data == "" {
		data = filepath.Join(caddy.AppDataDir(), "convosphere")
	}
	if keys == "" {
		keys = filepath.Join(data, "keys")
	}
	return data, keys, nil
}

// ring opens the gateway's key ring. It never makes one: captures open only with the keys that sealed them.
func (p *place) ring() (*keyring.Ring, error) {
	_, keys, err := p.folders()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(keys); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no key ring at %s: name the gateway's with --config, --data or --keys", keys)
	}
	return keyring.Open(keys)
}
