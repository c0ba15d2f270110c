package host

import (
	"errors"
	"testing"
)

// What the gateway says is not buried in the JSON of an error.
func TestPlainError(t *testing.T) {
	for in, want := range map[string]string{
		`caddy responded with error: HTTP 404: {"error":"there is nothing at \"x\""}` + "\n": `the gateway refuses: there is nothing at "x"`,
		`performing request: dial tcp: refused`:                                              `performing request: dial tcp: refused`,
		`caddy responded with error: HTTP 502: {"error":`:                                    `caddy responded with error: HTTP 502: {"error":`,
	} {
		if got := plainError(errors.New(in)).Error(); got != want {
			t.Errorf("%s\n gives %s", in, got)
		}
	}
}
