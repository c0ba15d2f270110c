package portal

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func TestCaddyfileErrors(t *testing.T) {
	for in, want := range map[string]string{
		"gw_portal foo": "Caddyfile:2",
		"gw_portal {\n\t\tbrand a\n\t\tbrand b\n\t}":                "brand is given twice",
		"gw_portal {\n\t\tbrnd x\n\t}":                              `unknown subdirective "brnd": gw_portal knows brand, home, link, security_txt, texts`,
		"gw_portal {\n\t\tbrand a {\n\t\t\tcolor ff0\n\t\t}\n\t}":   "Caddyfile:4",
		"gw_portal {\n\t\tbrand a {\n\t\t\tcolor red\n\t\t}\n\t}":   "is no colour such as",
		"gw_portal {\n\t\tbrand a {\n\t\t\tlogo\n\t\t}\n\t}":        "Caddyfile:4",
		"gw_portal {\n\t\tbrand a {\n\t\t\thide_name x\n\t\t}\n\t}": "Caddyfile:4",
		"gw_portal {\n\t\tbrand a {\n\t\t\tfont x\n\t\t}\n\t}":      `unknown subdirective "font": brand knows color, hide_name, logo`,
		"gw_portal {\n\t\ttexts\n\t}":                               "Caddyfile:3",
		"gw_portal {\n\t\tlink Imprint\n\t}":                        "Caddyfile:3",
		"gw_portal {\n\t\tlink X javascript:alert(1)\n\t}":          "neither a path of this site",
		"gw_portal {\n\t\tbrand\n\t}":                               "Caddyfile:3",
		"gw_portal {\n\t\tbrand Two words\n\t}":                     "Caddyfile:3",
		"gw_portal {\n\t\thome https://evil.example\n\t}":           `home: "https://evil.example" is not a path of this site`,
		"gw_portal {\n\t\thome //evil.example\n\t}":                 "is not a path of this site",
	} {
		_, err := golden.Adapt(":8080 {\n\t" + in + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestUnmarshalStandsOnTheName(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_portal {\n brand Acme\n}")); err != nil || h.Brand != "Acme" {
		t.Errorf("%v, %+v", err, h)
	}
}
