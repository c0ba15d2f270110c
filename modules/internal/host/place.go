package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

// Place is a gateway as a command's flags name it: by its configuration, or by its folders.
type Place struct {
	Config, Adapter, Data, Keys string

	raw []byte // the configuration as JSON, once read
}

// ConfigFlags adds --config and --adapter. what says what the configuration is asked for.
func (p *Place) ConfigFlags(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&p.Config, "config", "c", "", "The configuration "+what)
	cmd.Flags().StringVarP(&p.Adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
}

// FolderFlags adds --data and --keys, for commands that open captures.
func (p *Place) FolderFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.Data, "data", "", "The data folder of the gateway that captured, in place of the configuration's")
	cmd.Flags().StringVar(&p.Keys, "keys", "", "The folder of its key ring")
}

// Adapted is the configuration as JSON, nil where none is named.
func (p *Place) Adapted() ([]byte, error) {
	if p.Config == "" || p.raw != nil {
		return p.raw, nil
	}
	raw, _, _, err := caddycmd.LoadConfig(p.Config, p.Adapter)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	p.raw = raw
	return raw, nil
}

// Folders are where the gateway's data and keys are, as the app gateway resolves them.
func (p *Place) Folders() (data, keys string, err error) {
	data, keys = p.Data, p.Keys
	raw, err := p.Adapted()
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
			return "", "", fmt.Errorf("%s configures no gateway, whose keys open captures: name its folder with --data", p.Config)
		}
		if g != nil {
			if data == "" {
				data = g.DataDir
			}
			if keys == "" && p.Data == "" {
				keys = g.Keys
			}
		}
	}
	repl := caddy.NewReplacer()
	for _, v := range []*string{&data, &keys} {
		filled, err := repl.ReplaceOrErr(*v, true, true)
		if err != nil {
			return "", "", Unset(err)
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

// Ring opens the gateway's key ring. It never makes one: captures open only with the keys that sealed them.
func (p *Place) Ring() (*keyring.Ring, error) {
	_, keys, err := p.Folders()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(keys); err != nil && !errors.Is(err, fs.ErrNotExist) { // keyring.Open would try to make one
		return nil, fmt.Errorf("opening the key ring: %w", err)
	}
	if keyring.Lacks(keys) {
		return nil, fmt.Errorf("there is no key ring at %s: name the gateway's with --config, --data or --keys", keys)
	}
	return keyring.Open(keys)
}
