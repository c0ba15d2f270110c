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
	f.Add("gw_rate_limit {\n\tdefaults off\n\texempt 10.0.0.0/8\n\texempt role admin\n\tclient_prefix 24 48\n\tzone a {\n\t\tmatch /a/*\n\t\tkey route client/24/48 header:X json:/a~1b token tier country\n\t\tquota 5/day\n\t\ttier b 5/month\n\t\tcost bytes 4KiB\n\t\tcount status 401 5xx\n\t\tmode leased 5\n\t\tshadow\n\t\texempt tier x\n\t}\n}")
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
