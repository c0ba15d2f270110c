package host

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Help is what a sub-command says of itself, beyond its line in a list.
type Help struct {
	Long    string           // "" leaves what it has
	Example string           // command lines
	Args    []Words          // what its arguments may be, by place; the last one stands for all that follow
	Flags   map[string]Words // what its flags may be
}

// Describe gives the sub-commands of cmd their help, by their paths below it: "add", "key add"; "" is cmd itself. It panics where there is no such
// sub-command or flag, which any start of the program shows.
func Describe(cmd *cobra.Command, helps map[string]Help) {
	for path, h := range helps {
		c := below(cmd, strings.Fields(path))
		if h.Long != "" {
			c.Long = strings.TrimSpace(h.Long)
		}
		if c.Long == "" {
			c.Long = c.Short + "."
		}
		if h.Example != "" {
			c.Example = indented(h.Example)
		}
		c.ValidArgsFunction = func(cmd *cobra.Command, given []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(h.Args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return h.Args[min(len(given), len(h.Args)-1)].complete(cmd, given, begin)
		}
		for name, words := range h.Flags {
			if err := c.RegisterFlagCompletionFunc(name, words.complete); err != nil {
				panic(cmd.Name() + " " + path + ": " + err.Error())
			}
		}
	}
}

func below(cmd *cobra.Command, path []string) *cobra.Command {
	for _, name := range path {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
		if i < 0 {
			panic(cmd.Name() + " has no sub-command " + name)
		}
		cmd = cmd.Commands()[i]
	}
	return cmd
}

// indented sets command lines in as cobra's own help does.
func indented(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = "  " + strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
