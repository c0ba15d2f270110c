package identity

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/convosphere/gateway/test/golden"
)

// The app gateway, which reads the block among its own, is none of this package: here the block is a global option.
func init() {
	httpcaddyfile.RegisterGlobalOption("identity", func(d *caddyfile.Dispenser, _ any) (any, error) {
		a := new(App)
		if err := a.UnmarshalCaddyfile(d); err != nil {
			return nil, err
		}
		return httpcaddyfile.App{Name: "gw_identity", Value: caddyconfig.JSON(a, nil)}, nil
	})
}

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }
