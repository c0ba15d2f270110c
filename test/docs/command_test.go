package docs

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	_ "github.com/convosphere/gateway/modules/standard"
	commandline "github.com/convosphere/gateway/modules/standard/program"
)

// ofCaddy are the commands that Caddy brings: their help is its own.
var ofCaddy = []string{
	"adapt", "add-package", "build-info", "completion", "environ", "file-server", "fmt", "hash-password", "help", "list-modules", "manpage", "reload", "remove-package",
	"respond", "reverse-proxy", "run", "start", "stop", "storage", "trust", "untrust", "upgrade", "validate", "version",
}

// program is the whole command line, as main makes it.
func program() *cobra.Command {
	top := commandline.Root()
	top.SilenceErrors = true
	return top
}

// walk calls f with every command of ours.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, c := range cmd.Commands() {
		if !cmd.HasParent() && slices.Contains(ofCaddy, c.Name()) {
			continue
		}
		f(c)
		walk(c, f)
	}
}

// Every command says what it does, at length and by an example, and every flag what it is for.
func TestEveryCommandHasHelp(t *testing.T) {
	seen := 0
	walk(program(), func(cmd *cobra.Command) {
		seen++
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its line in the list of commands is %q: one line without a full stop", path, cmd.Short)
		}
		if strings.TrimSpace(cmd.Long) == "" {
			t.Errorf("%s has no help", path)
		}
		if !strings.Contains(cmd.Example, "convosphere ") {
			t.Errorf("%s has no example", path)
		}
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: the flag --%s has no help", path, f.Name)
			}
		})
	})
	if seen < 80 {
		t.Errorf("only %d commands found", seen)
	}
}

// Every command has its line in the page of commands.
func TestEveryCommandIsInThePage(t *testing.T) {
	text := read(t, "docs/commands.md").text
	for _, cmd := range program().Commands() {
		if !slices.Contains(ofCaddy, cmd.Name()) && !strings.Contains(text, "| `convosphere "+cmd.Name()+" ") && !strings.Contains(text, "`convosphere backup\\|"+cmd.Name()+" ") {
			t.Errorf("docs/commands.md does not name %s", cmd.Name())
		}
	}
}

// Every command line in a command's help is one that it takes.
func TestEveryCommandsExampleIsRight(t *testing.T) {
	walk(program(), func(cmd *cobra.Command) {
		for _, line := range strings.Split(cmd.Example, "\n") {
			if err := takes(line); err != nil {
				t.Errorf("%s: its example %q: %v", cmd.CommandPath(), strings.TrimSpace(line), err)
			}
		}
	})
}

// What the shell is told completes: names of commands, flags, and what a command's arguments may be where nobody has to be asked.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		line string
		want string
	}{
		{"us", "user"}, {"user ro", "role"}, {"user role somebody mod", "moderator"}, {"directive gw_w", "gw_waf"}, {"directive gateway Ba", "Bans"},
		{"ban rm --so", "--source"}, {"ban rm --source ope", "operator"}, {"incident verdict I1 f", "false"}, {"limit top --by s", "spent"}, {"limit status cl", "client="},
	} {
		top := program()
		var out bytes.Buffer
		top.SetOut(&out)
		top.SetErr(io.Discard)
		top.SetArgs(append([]string{cobra.ShellCompRequestCmd}, strings.Split(c.line, " ")...))
		if err := top.Execute(); err != nil {
			t.Errorf("%q: %v", c.line, err)
		}
		if !slices.ContainsFunc(strings.Split(out.String(), "\n"), func(l string) bool {
			word, _, _ := strings.Cut(l, "\t")
			return word == c.want
		}) {
			t.Errorf("%q does not become %q but\n%s", c.line, c.want, out.String())
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var out bytes.Buffer
		top := program()
		var err error
		switch shell {
		case "bash":
			err = top.GenBashCompletionV2(&out, true)
		case "zsh":
			err = top.GenZshCompletion(&out)
		case "fish":
			err = top.GenFishCompletion(&out, true)
		}
		if err != nil || !strings.Contains(out.String(), "convosphere") {
			t.Errorf("%s: %v, %d bytes", shell, err, out.Len())
		}
	}
}
