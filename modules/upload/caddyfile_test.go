package upload

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_upload {\n\tmax_size 10MiB\n\tallow active\n\troute PUT,POST /raw/{name} {\n\t\traw\n\t\ttypes image/*\n\t}\n\tscanner tcp://localhost:3310 {\n\t\ton_failure open\n\t}\n}")
	f.Add("gw_upload {\n\tmode report\n\tsockets all\n\timage {\n\t\tpixels 5\n\t}\n\tarchive {\n\t\tdepth 2\n\t}\n\tspool {\n\t\tquota 1GiB\n\t}\n\tquarantine {\n\t\tkeep 30d\n\t}\n}")
	f.Fuzz(func(t *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) != nil {
			return
		}
		if err := h.settle(); err != nil {
			t.Errorf("what was read can't be loaded: %v", err)
		}
	})
}
