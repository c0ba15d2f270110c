package directive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "directive",
		Usage:     "[NAME [SECTION]] [--all]",
		Short:     "Says what a directive does, how it is written, and what happens when it fails",
		Long:      help,
		CobraFunc: func(cmd *cobra.Command) { command(cmd, modules.READMEs) },
	})
}

const help = `
Without NAME, lists the gateway's directives, global options and apps. With it, says what that one does, its syntax with all defaults, and what happens when
it fails. A SECTION (its first letters are enough) or --all says more. The text is that of the module's README, as of this build. The gw_ of a name may be left out;
of an option within one it says which page has it.`

func command(cmd *cobra.Command, files fs.FS) {
	var all bool
	cmd.Args = host.AtMost(2)
	cmd.Example = `  convosphere directive
  convosphere directive gw_waf
  convosphere directive gateway bans
  convosphere directive gw_rate_limit --all`
	cmd.Flags().BoolVar(&all, "all", false, "Print the whole page")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pages, err := Pages(files)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return list(cmd.OutOrStdout(), pages)
		}
		p, err := find(pages, args[0])
		if err != nil {
			return err
		}
		text := p.Brief()
		switch {
		case len(args) == 2:
			s, ok := p.Section(args[1])
			if !ok {
				return fmt.Errorf("%s has no such section: there are %s", p.Name, strings.Join(p.titles(), ", "))
			}
			text = "## " + s.Title + "\n" + s.Text + "\n"
		case all:
			text = p.Whole()
		}
		_, err = io.WriteString(cmd.OutOrStdout(), text)
		return err
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		return complete(files, args, begin), cobra.ShellCompDirectiveNoFileComp
	}
}

func list(w io.Writer, pages []Page) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range pages {
		fmt.Fprintf(t, "%s\t%s\n", p.Name, p.Summary)
	}
	return t.Flush()
}

// find takes a name with or without its gw_.
func find(pages []Page, name string) (Page, error) {
	i := slices.IndexFunc(pages, func(p Page) bool { return p.Name == name || p.Name == "gw_"+name })
	if i >= 0 {
		return pages[i], nil
	}
	var within []string
	for _, p := range pages {
		if p.writes(name) {
			within = append(within, p.Name)
		}
	}
	if len(within) == 0 {
		return Page{}, errors.New("there is no such directive: convosphere directive lists all")
	}
	return Page{}, fmt.Errorf("it is part of %s: convosphere directive %s", strings.Join(within, ", "), within[0])
}

// complete are the names with their summaries, and of a name its sections.
func complete(files fs.FS, args []string, begin string) (words []string) {
	pages, err := Pages(files)
	if err != nil {
		return nil // there is nothing to offer
	}
	switch len(args) {
	case 0:
		for _, p := range pages {
			if strings.HasPrefix(p.Name, begin) || strings.HasPrefix(p.Name, "gw_"+begin) {
				words = append(words, p.Name+"\t"+p.Summary)
			}
		}
	case 1:
		if p, err := find(pages, args[0]); err == nil {
			words = p.titles()
		}
	}
	return words
}
