package waf

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func TestValidate(t *testing.T) {
	for _, h := range []Handler{
		{Mode: "on"}, {Paranoia: 5}, {BodyLimit: -1}, {BodyLimit: 2, UploadLimit: 1}, {UploadLimit: 1 << 31}, {BodyTimeout: -1}, {MaxArguments: -1}, {MaxArguments: 10_001}, {MaxCookies: 1_001}, {QueueTimeout: -1}, {Exclusions: []Exclusion{{Rules: []string{"0"}}}},
		{Responses: &Responses{Types: []string{"*/*"}}}, {Responses: &Responses{Types: []string{"text"}}}, {Responses: &Responses{Types: []string{"text/html; charset=utf-8"}}},
		{Responses: &Responses{Limit: 1}}, {Responses: &Responses{Limit: 17 << 20}}, {Responses: &Responses{Stream: "x"}},
		{Exclusions: []Exclusion{fieldExclusion("/x\" \"id:1", "a")}}, {Exclusions: []Exclusion{fieldExclusion("/x", "a,deny")}},
		{Exclusions: []Exclusion{{At: []PathPattern{"/x"}}}}, {RulesFiles: []string{"a\nSecRuleEngine Off"}},
	} {
		h.defaults()
		if err := h.Validate(); err == nil {
			t.Errorf("%+v is valid", h)
		}
	}
}

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_waf {\n\tmode block\n\tparanoia 2\n\tbody_limit 1MiB\n\texclude 1 2\n\texclude_field /a* b\n}")
	f.Add("gw_waf {\n\tmax_arguments 1\n\tmax_cookies 2\n\tqueue_timeout 1s\n}")
	f.Add("gw_waf {\n\tmode off at /a/*\n\tparanoia 1 2\n\tthresholds 5 4\n\tbody_limit 1MiB pass\n\texclude 942100 tag:x on ARGS:a at /b\n}")
	f.Add("gw_waf {\n\tresponses {\n\t\ttypes text/* application/*+json\n\t\tlimit 64KiB\n\t\tstream hold\n\t}\n}")
	f.Add("gw_waf {\n\tresponses off\n}")
	f.Add("gw_waf { body_timeout 1s\n upload_limit 2GB }")
	f.Fuzz(func(t *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) != nil {
			return
		}
		h.defaults()
		if h.Validate() == nil && strings.Count(h.directives(), "SecRuleEngine") != 1+strings.Count(strings.Join(slices.Concat(h.RulesFiles, h.RulesAfter), " "), "SecRuleEngine") {
			t.Errorf("%q writes directives of its own", in)
		}
	})
}
