// Package trial tells whether this process only tries a configuration. Caddy then provisions all and starts nothing, and tells no module so; and a gateway may be
// running with the same data folder, whose files it alone writes.
package trial

import (
	"os"
	"slices"
)

// On tells whether the command is one that only tries: validate, or adapt --validate. Of any other it is false: who would write what a running gateway writes is
// then refused, as two gateways are.
func On() bool { return len(os.Args) > 1 && slices.Contains([]string{"validate", "adapt"}, os.Args[1]) }
