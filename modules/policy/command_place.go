package policy

import (
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/source"
	"github.com/convosphere/gateway/policies"
)

// policyFlags say what a policy may use, as the subdirective `allow` does for the gateway.
type policyFlags struct{ allow, hosts []string }

func (f *policyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.allow, "allow", nil, "A guarded built-in function that the policy may use, as http.send")
	cmd.Flags().StringSliceVar(&f.hosts, "allow-host", nil, "A host that it may reach with it")
}

// options are those of a policy without a gateway: what it asks gateway.grants fails, so tests say what that gives.
func (f *policyFlags) options() []engine.Option {
	return []engine.Option{engine.Allow(f.allow, f.hosts)}
}

// policySource is the policy in a folder or a bundle, or the one compiled in where none is named. Who names a bundle on the command line has
// it at hand: its signature is not asked for.
func policySource(path string) (*engine.Source, error) {
	if path == "" {
		return engine.Load(policies.FS)
	}
	return source.Read(path)
}

// builtIn is where the policy is from that is compiled in.
const builtIn = "built in"

func policyName(folder string) string {
	if folder == "" {
		return "the policy that is compiled in"
	}
	return folder
}
