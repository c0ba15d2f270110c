package waf

import (
	"context"
	"log"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// The rules as they are by default stay loaded, as in a gateway that runs: what tests load beside them finds their expressions compiled.
func TestMain(m *testing.M) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	h := new(Handler)
	if err := h.Provision(ctx); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := h.Cleanup(); err != nil {
		log.Fatal(err)
	}
	cancel()
	os.Exit(code)
}
