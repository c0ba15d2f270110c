package waf

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

type panicking struct{}

func (panicking) Evaluate(plugintypes.TransactionState, string) bool { panic("a fault in an operator") }

var registerPanicking = sync.OnceFunc(func() {
	plugins.RegisterOperator("panicking", func(plugintypes.OperatorOptions) (plugintypes.Operator, error) { return panicking{}, nil })
})

// A rule that panics has not said that the request is clean.
func TestPanicFailsClosed(t *testing.T) {
	registerPanicking()
	rules := filepath.Join(t.TempDir(), "local.conf")
	write(t, rules, "SecRule ARGS:q \"@panicking x\" \"id:1001,phase:2,pass,log\"\n")
	for _, body := range []string{"", `{"text":"hello"}`} {
		h := provision(t, &Handler{RulesFiles: []string{rules}})
		if o := do(t, h, request("POST", "/x?q=1", js, body)); o.status != 503 || o.reached || o.header.Get("Retry-After") != "1" {
			t.Errorf("block: %+v", o)
		}
		if o := do(t, h, request("POST", "/x", js, body)); o.status != 200 {
			t.Errorf("after the panic: %+v", o)
		}
		d := provision(t, &Handler{RulesFiles: []string{rules}, Mode: Detect})
		if o := do(t, d, request("POST", "/x?q=1", js, body)); !o.reached || o.body != body {
			t.Errorf("detect: %+v", o)
		}
	}
}
