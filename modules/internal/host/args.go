package host

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// NoArgs, ExactArgs, AtLeast, AtMost and Between are what a command may be given. Where it is given anything else, they name what is missing or too much, by the command's
// own line, and print that line.

// NoArgs takes none.
func NoArgs(cmd *cobra.Command, args []string) error {
	if cmd.HasSubCommands() { // then it is a sub-command that there is not
		return cobra.NoArgs(cmd, args)
	}
	return taken(cmd, args, 0, 0)
}

// ExactArgs takes so many.
func ExactArgs(n int) cobra.PositionalArgs { return Between(n, n) }

// AtLeast takes so many or more.
func AtLeast(n int) cobra.PositionalArgs { return Between(n, -1) }

// AtMost takes so many or fewer.
func AtMost(n int) cobra.PositionalArgs { return Between(0, n) }

// Between takes from least to most; a negative most is no bound.
func Between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return taken(cmd, args, least, most) }
}

func taken(cmd *cobra.Command, args []string, least, most int) error {
	var wrong string
	switch names := places(cmd.Use); {
	case len(args) < least && len(args) < len(names):
		wrong = names[len(args)] + " is missing"
	case len(args) < least:
		wrong = "an argument is missing"
	case most < 0 || len(args) <= most:
		return nil
	case most == 0:
		wrong = fmt.Sprintf("it takes no argument: %d too many", len(args))
	default:
		wrong = fmt.Sprintf("it takes %d at most: %d too many", most, len(args)-most) // not the argument itself: it may be a secret in the wrong place
	}
	return fmt.Errorf("%s\nUsage: %s\nMore: %s --help", wrong, cmd.UseLine(), cmd.CommandPath())
}

// places are the arguments that a command's line names, in their order, without its flags and what is instead.
func places(use string) (names []string) {
	words := strings.Fields(use)
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "|":
			return names
		case strings.HasPrefix(word, "--"): // of ours a switch
		case strings.HasPrefix(word, "-"):
			i++ // with its value
		default:
			names = append(names, strings.TrimRight(strings.Trim(word, "[]"), ".…"))
		}
	}
	return names
}
