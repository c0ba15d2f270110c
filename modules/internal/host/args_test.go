package host

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Who leaves an argument out, or gives one too many, is told which and how the command is written.
func TestArguments(t *testing.T) {
	for _, c := range []struct {
		use  string
		may  cobra.PositionalArgs
		args []string
		want string // "": it is taken
	}{
		{"add PREFIX", ExactArgs(1), nil, "PREFIX is missing"},
		{"add PREFIX", ExactArgs(1), []string{"a"}, ""},
		{"add PREFIX", ExactArgs(1), []string{"a", "secret"}, "at most: 1 too many"},
		{"add SUBJECT RELATION OBJECT", ExactArgs(3), []string{"a", "b"}, "OBJECT is missing"},
		{"scopes NAME SCOPE...", AtLeast(2), []string{"a"}, "SCOPE is missing"},
		{"replay CAPTURE…", AtLeast(1), nil, "CAPTURE is missing"},
		{"replay CAPTURE…", AtLeast(1), []string{"a", "b", "c"}, ""},
		{"build -o FILE FOLDER", ExactArgs(1), nil, "FOLDER is missing"},
		{"export --wrapped SET", ExactArgs(1), nil, "SET is missing"},
		{"diff NUMBER [NUMBER]", Between(1, 2), nil, "NUMBER is missing"},
		{"show [NUMBER]", AtMost(1), []string{"a", "b"}, "at most: 1 too many"},
		{"list", NoArgs, []string{"a"}, "no argument"},
		{"list", NoArgs, nil, ""},
		{"odd", ExactArgs(1), nil, "an argument is missing"},
	} {
		cmd := &cobra.Command{Use: c.use, Args: c.may, RunE: func(*cobra.Command, []string) error { return nil }}
		top := &cobra.Command{Use: "convosphere", SilenceErrors: true, SilenceUsage: true}
		top.AddCommand(cmd)
		top.SetArgs(append([]string{cmd.Name()}, c.args...))
		err := top.Execute()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %q: %v", c.use, c.args, err)
		case c.want == "":
		case err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Usage: convosphere "+c.use) || strings.Contains(err.Error(), "secret"):
			t.Errorf("%s %q: %v", c.use, c.args, err)
		}
	}
	if got := places("rm PREFIX | --source SOURCE"); !slices.Equal(got, []string{"PREFIX"}) {
		t.Error(got)
	}
}
