// Package trial tells whether this process only tries a configuration. Caddy then provisions all and starts nothing, and tells no module so; and a gateway may be
// running with the same data folder, whose files it alone writes.
package trial

import (
	"os"
	"slices"
	"strings"
)

// On tells whether the command is one that only tries: validate, or adapt --validate. Of any other it is false: who would write what a running gateway writes is
// then refused, as two gateways are.
func On() bool { return slices.Contains([]string{"validate", "adapt"}, command(os.Args)) }

// command is the first word that is neither the program, a flag nor the value of the one flag that stands before commands.
func command(args []string) string {
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "--envfile":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}
