package policy

import (
	"fmt"
	"os"
	"time"

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
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return engine.Load(os.DirFS(path))
	}
	if info.Size() > source.MaxBundle {
		return nil, fmt.Errorf("%s has more than %d MiB", path, source.MaxBundle>>20)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found, err := source.OpenBundle(raw, &source.Trust{Unsigned: true}, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s is neither a folder nor a bundle: %w", path, err)
	}
	return found.Source, nil
}

// builtIn is where the policy is from that is compiled in.
const builtIn = "built in"

func policyName(folder string) string {
	if folder == "" {
		return "the policy that is compiled in"
	}
	return folder
}
