package ratelimit

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_rate_limit {\n\tzone login {\n\t\tmatch POST /auth/*\n\t\tkey user host\n\t\trate 10/1m\n\t\tburst 20\n\t\ton_failure open\n\t}\n\tzone mfa off\n\tsockets 5\n}")
	f.Add("gw_rate_limit {\n\tdefaults off\n\tstore_timeout 20ms\n}")
	f.Fuzz(func(t *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) != nil || h.compile() != nil {
			return
		}
		for _, z := range h.requests {
			z.matches("GET", "/a/b")
		}
	})
}
