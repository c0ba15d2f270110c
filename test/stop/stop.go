// Package stop ends the Caddy that a test has loaded.
package stop

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// After ends it when the test does, and before the test's folder goes: a gateway writes to its data until then.
func After(t testing.TB) {
	t.Helper()
	t.TempDir() // cleanups run last to first, and the folder's is that of the first call
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}
