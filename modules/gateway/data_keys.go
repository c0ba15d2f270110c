package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/master"
)

// DataKeys says what becomes of the keys that fields and files are encrypted with for the back end.
type DataKeys struct {
	// The key that wraps them in the database. Default: the key ring's data key.
	Master *MasterKey `json:"master,omitempty"`

	// Keys that have wrapped some of them, or with which another gateway wraps them already.
	Accept []MasterKey `json:"accept,omitempty"`

	// How many key sets are held open in memory. Default: 20000, of some 3 KiB each; at most 1,000,000.
	Cache int `json:"cache,omitempty"`

	// How many key sets traffic may make. Default: 1,000,000; at most 100,000,000.
	Most int `json:"most,omitempty"`
}

// MasterKey names a master key. Of the members those of its type count.
type MasterKey struct {
	// keyring, file, env or vault.
	Type string `json:"type"`

	// file: 32 random bytes in base64 or hexadecimal, in a file that nobody else may read.
	File string `json:"file,omitempty"`

	// env: the name of a variable with such bytes.
	Env string `json:"env,omitempty"`

	// vault: the address of a service with the API of Vault's transit engine, as https://vault.example.com:8200.
	URL string `json:"url,omitempty"`
	// vault: the key's name, and where the engine is mounted (default "transit").
	Key   string `json:"key,omitempty"`
	Mount string `json:"mount,omitempty"`
	// vault: the variable with the token, default VAULT_TOKEN; or a file, which is read each time, since agents renew tokens.
	TokenEnv  string `json:"token_env,omitempty"`
	TokenFile string `json:"token_file,omitempty"`
	// vault: its namespace; default none.
	Namespace string `json:"namespace,omitempty"`
	// vault: a file with the certificates that have signed the service's; default those of the system.
	CA string `json:"ca,omitempty"`
	// vault: how long one call may take, 100ms to 30s; default 2s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

const (
	mostDataKeyCache = 1_000_000
	mostDataKeys     = 100_000_000
)

func (d *DataKeys) check() error {
	switch {
	case d.Cache < 0 || d.Cache > mostDataKeyCache:
		return fmt.Errorf("cache: it must be from 1 to %d", mostDataKeyCache)
	case d.Most < 0 || d.Most > mostDataKeys:
		return fmt.Errorf("most: it must be from 1 to %d", mostDataKeys)
	}
	if d.Master != nil {
		if err := d.Master.check(); err != nil {
			return fmt.Errorf("master: %w", err)
		}
	}
	for i := range d.Accept {
		if err := d.Accept[i].check(); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
	}
	return nil
}

// check sees that all is named that the type needs, and nothing of another's.
func (k *MasterKey) check() error {
	vault := k.URL != "" || k.Key != "" || k.Mount != "" || k.TokenEnv != "" || k.TokenFile != "" || k.Namespace != "" || k.CA != "" || k.Timeout != 0
	named := map[string]bool{"file": k.File != "", "env": k.Env != "", "vault": vault}
	if _, known := named[k.Type]; !known && k.Type != "keyring" {
		return fmt.Errorf("%q is no kind of master key: they are keyring, file, env and vault", k.Type)
	}
	for kind, given := range named {
		if given != (kind == k.Type) {
			return fmt.Errorf("a master key of the kind %s is given %s", k.Type, map[bool]string{true: "what is of the kind " + kind, false: "nothing that says which"}[given])
		}
	}
	if !vault {
		return nil
	}
	switch {
	case k.URL == "" || k.Key == "":
		return errors.New("vault: name the service's address and the key, as in: vault https://vault.example.com:8200 gateway")
	case k.TokenEnv != "" && k.TokenFile != "":
		return errors.New("vault: token_env and token_file exclude each other")
	case k.Timeout != 0 && (time.Duration(k.Timeout) < 100*time.Millisecond || time.Duration(k.Timeout) > 30*time.Second):
		return errors.New("vault: timeout: it must be from 100ms to 30s")
	}
	return nil
}

// open makes the key. Placeholders ({env.NAME}, {file.PATH}) in addresses and paths are filled in.
func (k MasterKey) open(ring master.Ring) (master.Key, error) {
	repl := caddy.NewReplacer()
	for _, s := range []*string{&k.File, &k.Env, &k.URL, &k.Key, &k.Mount, &k.TokenEnv, &k.TokenFile, &k.Namespace, &k.CA} {
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return nil, err
		}
		*s = strings.TrimSpace(v)
	}
	switch k.Type {
	case "file":
		return master.FromFile(k.File)
	case "env":
		return master.FromEnv(k.Env)
	case "vault":
		return master.OpenVault(master.VaultOptions{
			URL: k.URL, Key: k.Key, Mount: k.Mount, Namespace: k.Namespace, TokenEnv: k.TokenEnv, TokenFile: k.TokenFile, CA: k.CA, Timeout: time.Duration(k.Timeout),
		})
	}
	return master.FromRing(ring), nil
}

// masters opens all master keys; close lets go of them.
func (d *DataKeys) masters(ring master.Ring) (all []master.Key, close func(), err error) {
	named := append([]MasterKey{{Type: "keyring"}}, d.Accept...)
	if d.Master != nil {
		named[0] = *d.Master
	}
	close = func() {
		for _, k := range all {
			if c, ok := k.(interface{ Close() }); ok {
				c.Close()
			}
		}
	}
	for _, n := range named {
		k, err := n.open(ring)
		if err != nil {
			close()
			return nil, nil, err
		}
		all = append(all, k)
	}
	return all, close, nil
}

// openDataKeys opens the key sets of g's database, unless another configuration has them open with the same master keys.
func openDataKeys(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) (*keyset.Sets, error) {
	d := a.DataKeys
	if d == nil {
		d = new(DataKeys)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("gateway: data_keys: %w", err)
	}
	keys, closeKeys, err := d.masters(g.Keys)
	if err != nil {
		return nil, fmt.Errorf("gateway: data_keys: %w", err)
	}
	// Not only what the configuration says, but which keys that is now: a file may have changed.
	text, err := json.Marshal(d)
	if err != nil {
		closeKeys()
		return nil, fmt.Errorf("gateway: data_keys: %w", err)
	}
	name := strings.Join([]string{a.Database, a.DataDir, a.Keys, string(text)}, "\x00")
	for _, k := range keys {
		name += "\x00" + k.ID()
	}
	taken := false
	sets, release, err := acquire("data_keys", name, func() (*keyset.Sets, func() error, error) {
		s, err := keyset.Open(ctx, keyset.Options{
			DB: g.DB, Feed: g.Feed, Events: g.Events, Now: time.Now, Master: keys[0], Accept: keys[1:], Cache: d.Cache, Most: d.Most,
		})
		if err != nil {
			return nil, nil, err
		}
		taken = true
		return s, func() error {
			err := s.Close()
			closeKeys()
			return err
		}, nil
	})
	if !taken {
		closeKeys()
	}
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	*releases = append(*releases, release)
	return sets, nil
}
