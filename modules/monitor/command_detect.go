package monitor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/ruletest"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "detect", Usage: "COMMAND", Short: "Checks, tests and replays detection rules", Long: detectHelp, CobraFunc: detectCommand,
	})
}

const detectHelp = `
Tools for who writes what the gateway looks for in its events: Sigma rules and correlations, in folders of YAML files.

The exit code is 0 when nothing is amiss, 1 on an error, and 3 where a command found something: a rule that is wrong, a test that fails, an expectation that is not met.`

func detectCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range []func() *cobra.Command{detectCheckCommand, detectTestCommand, detectReplayCommand, detectListCommand} {
		cmd.AddCommand(c())
	}
	host.Describe(cmd, detectHelps())
}

// ruleFlags say where a command's rules are.
type ruleFlags struct {
	placeholders []string
	asJSON       bool
}

func (f *ruleFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.placeholders, "placeholder", nil, "What a placeholder of rules stands for, as NAME=VALUE,VALUE; may be repeated")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "Print JSON")
}

// load reads the rules of folders or files; without any, those that are built in.
func (f *ruleFlags) load(names []string) (*detect.Rules, []detect.Problem, []fs.FS, error) {
	l := detect.Loader{Placeholders: map[string][]string{}}
	for _, p := range f.placeholders {
		name, values, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, nil, nil, fmt.Errorf("--placeholder %q: it is written as NAME=VALUE,VALUE", p)
		}
		l.Placeholders[name] = append(l.Placeholders[name], strings.Split(values, ",")...)
	}
	sources, err := ruleSources(names)
	if err != nil {
		return nil, nil, nil, err
	}
	rules, problems := l.Load(sources...)
	return rules, problems, sources, nil
}

// ruleSources opens folders of rules, or single files of them.
func ruleSources(names []string) (sources []fs.FS, err error) {
	if len(names) == 0 {
		return builtIn(), nil
	}
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			sources = append(sources, detect.Folder(name))
		case !detect.IsRuleFile(name):
			return nil, fmt.Errorf("%s is no rule file: those are *.yml and *.yaml, but not *_test.*", name)
		default:
			sources = append(sources, oneFile{os.DirFS(filepath.Dir(name)), filepath.Base(name)})
		}
	}
	return sources, nil
}

// oneFile is a folder of which one file is read.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir lists it, and its tests.
func (f oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	base := strings.TrimSuffix(f.name, filepath.Ext(f.name))
	return slices.DeleteFunc(all, func(d fs.DirEntry) bool {
		return d.IsDir() || d.Name() != f.name && strings.TrimSuffix(d.Name(), filepath.Ext(d.Name())) != base+"_test"
	}), err
}

// oneLine keeps what files say from telling a terminal anything.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// faults are the problems that are not warnings.
func faults(problems []detect.Problem) (n int) {
	for _, p := range problems {
		if !p.Warning {
			n++
		}
	}
	return n
}

func detectCheckCommand() *cobra.Command {
	var uses ruleFlags
	var quiet bool
	cmd := &cobra.Command{
		Use: "check FOLDER...", Short: "Finds what is wrong with rules", Args: host.AtLeast(1),
		Long: `Reads and compiles the rules in folders (or files), and says what of them can't be put in force, and what is odd. Rules for logs that are not
the gateway's are left out, which is no mistake; so SigmaHQ's folders can be given as they are.`,
	}
	uses.register(cmd)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Print no warnings")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		rules, problems, _, err := uses.load(args)
		if err != nil {
			return false, err
		}
		wrong := faults(problems)
		if uses.asJSON {
			return wrong > 0, host.PrintJSON(cmd.OutOrStdout(), map[string]any{
				"rules": len(rules.All()) - len(rules.Correlations()), "correlations": len(rules.Correlations()), "problems": append([]detect.Problem{}, problems...),
			})
		}
		out, style := cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout())
		for _, p := range problems {
			word := "wrong"
			if p.Warning {
				word = "note"
			}
			if p.Warning && quiet {
				continue
			}
			if _, err := fmt.Fprintf(out, "%s  %s\n", style.Verdict(word, !p.Warning), oneLine(p.Error())); err != nil {
				return false, err
			}
		}
		_, err = fmt.Fprintf(out, "%d rules and %d correlations are good, %d are wrong\n", len(rules.All())-len(rules.Correlations()), len(rules.Correlations()), wrong)
		return wrong > 0, err
	})
	return cmd
}

func detectListCommand() *cobra.Command {
	var uses ruleFlags
	cmd := &cobra.Command{
		Use: "list [FOLDER...]", Short: "Lists rules: those of folders, or those that are built in", Args: cobra.ArbitraryArgs,
		Long: `Lists the rules that make findings. Those that are there for correlations alone are counted.`,
	}
	uses.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rules, problems, _, err := uses.load(args)
		if err != nil {
			return err
		}
		if n := faults(problems); n > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d rules are wrong and not listed: convosphere detect check says why\n", n)
		}
		if uses.asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), listed(rules))
		}
		w, parts := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0), 0
		fmt.Fprintln(w, "LEVEL\tRULE\tABOUT\tTECHNIQUES\tRESPONSE")
		for _, r := range rules.All() {
			if !r.Alone {
				parts++
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Level, terminal.Clean(r.Title), terminal.Clean(strings.Join(r.Subject, ", ")), strings.Join(techniques(r.Tags), " "), strings.Join(r.Respond, ", "))
		}
		return errors.Join(w.Flush(), counted(cmd, len(rules.All())-parts, parts))
	}
	return cmd
}

func counted(cmd *cobra.Command, rules, parts int) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "\n%d rules, and %d that are parts of correlations\n", rules, parts)
	return err
}

// techniques gives the MITRE ATT&CK ids among tags, as T1110.003.
func techniques(tags []string) (ids []string) {
	for _, t := range tags {
		if id, ok := strings.CutPrefix(t, "attack.t"); ok && id != "" && id[0] >= '0' && id[0] <= '9' {
			ids = append(ids, "T"+id)
		}
	}
	return ids
}

// ruleJSON is a rule as `detect list --json` prints it.
type ruleJSON struct {
	ID             string   `json:"id"`
	Name           string   `json:"name,omitempty"`
	Title          string   `json:"title"`
	Description    string   `json:"description,omitempty"`
	Level          string   `json:"level"`
	Status         string   `json:"status,omitempty"`
	File           string   `json:"file"`
	Correlation    string   `json:"correlation,omitempty"` // its type
	Alone          bool     `json:"finds"`                 // it makes findings itself
	Tags           []string `json:"tags,omitempty"`
	Subject        []string `json:"subject,omitempty"`
	Suppress       string   `json:"suppress,omitempty"`
	Respond        []string `json:"respond,omitempty"`
	FalsePositives []string `json:"false_positives,omitempty"`
	References     []string `json:"references,omitempty"`
}

func listed(rules *detect.Rules) []ruleJSON {
	out := []ruleJSON{}
	for _, r := range rules.All() {
		j := ruleJSON{
			ID: r.ID, Name: r.Name, Title: r.Title, Description: r.Description, Level: r.Level.String(), Status: r.Status, File: r.File, Alone: r.Alone, Tags: r.Tags,
			Subject: r.Subject, Suppress: r.Suppress.String(), Respond: r.Respond, FalsePositives: r.FalsePositives, References: r.References,
		}
		if r.Correlation != nil {
			j.Correlation = r.Correlation.Type.String()
		}
		out = append(out, j)
	}
	return out
}

func detectTestCommand() *cobra.Command {
	var uses ruleFlags
	var verbose bool
	cmd := &cobra.Command{
		Use: "test FOLDER...", Short: "Runs the tests of rules", Args: host.AtLeast(1),
		Long: `Runs the tests that stand beside rules: <rule file>_test.yaml, which say what events a rule finds something in, and how often:

	tests:
	  - name: ten wrong passwords in a minute
	    rule: guessing                      # id or name
	    events:
	      - at: 10s                         # since the start; default: a second after the one before
	        repeat: 10                      # so many of it
	        every: 5s                       # one from the other
	        event: { event.action: login, event.outcome: failure, source.ip: 192.0.2.7, gateway.account: "A{n}" }
	    expect: { exactly: 1 }              # findings; or at_least, at_most, and subject: "client:192.0.2.7"`,
	}
	uses.register(cmd)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Print tests that pass, too")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		rules, problems, sources, err := uses.load(args)
		if err != nil {
			return false, err
		}
		for _, p := range problems {
			if !p.Warning {
				return false, p
			}
		}
		results, failed := []ruletest.Result{}, 0
		for _, s := range sources {
			r, err := ruletest.Run(s, rules)
			if err != nil {
				return false, err
			}
			results = append(results, r...)
		}
		style := terminal.For(cmd.OutOrStdout())
		for _, r := range results {
			if !r.Passed {
				failed++
			}
			if uses.asJSON || r.Passed && !verbose {
				continue
			}
			fmt.Fprintln(cmd.OutOrStdout(), resultLine(style, r))
		}
		if uses.asJSON {
			return failed > 0, host.PrintJSON(cmd.OutOrStdout(), results)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d tests, %d failed\n", len(results), failed)
		return failed > 0, err
	})
	return cmd
}

func resultLine(style terminal.Style, r ruletest.Result) string {
	word := "passed"
	if !r.Passed {
		word = "failed"
	}
	how := fmt.Sprintf("%d findings, expected %s", r.Got, r.Want)
	if r.Why != "" {
		how = r.Why
	}
	return style.Verdict(word, !r.Passed) + "  " + oneLine(fmt.Sprintf("%s:%d: %s (%s): %s", r.File, r.Line, r.Name, r.Rule, how))
}
