package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/classify"
)

// fieldsFlags are those of `convosphere policy fields`.
type fieldsFlags struct {
	gateway         adminFlags
	policy          string
	running, asJSON bool
	openapi, events []string
	except          []string
}

func fieldsCommand() *cobra.Command {
	f := &fieldsFlags{}
	cmd := &cobra.Command{
		Use: "fields", Short: "Says what is classified, and what is not", Args: host.NoArgs,
		Long: `Prints the table of fields (data.fields) by routes and classes. With OpenAPI documents or events it finds what the table does not name: routes and
members that a document describes, and routes that were asked for and answered; then the exit code is 3. Sealed events are read through
` + "`convosphere events open … | convosphere policy fields --events -`" + `.`,
	}
	f.gateway.Register(cmd)
	cmd.Flags().StringVar(&f.policy, "policy", "", "The folder or bundle with the policy (default: the one that is compiled in)")
	cmd.Flags().BoolVar(&f.running, "running", false, "Ask the running gateway: its policy, with the data that were pushed to it")
	cmd.Flags().StringArrayVar(&f.openapi, "openapi", nil, "An OpenAPI document; may be given again")
	cmd.Flags().StringArrayVar(&f.events, "events", nil, "A file of events, a folder of them, or -; may be given again")
	cmd.Flags().StringSliceVar(&f.except, "except", []string{"/auth/", "/.well-known/"}, "Paths that events may have and the table need not: all that begins so. The default is what the gateway answers itself")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(f.run)
	return cmd
}

func (f *fieldsFlags) run(cmd *cobra.Command, _ []string) (bool, error) {
	table, from, err := f.table()
	if err != nil {
		return false, err
	}
	var documents []classify.Described
	for _, name := range f.openapi {
		raw, err := os.ReadFile(name)
		if err != nil {
			return false, err
		}
		described, err := classify.Describe(raw)
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		documents = append(documents, described...)
	}
	seen, err := f.seen(cmd)
	if err != nil {
		return false, err
	}
	report := classify.NewReport(table, documents, seen)
	if f.asJSON {
		err = host.PrintJSON(cmd.OutOrStdout(), report)
	} else {
		err = printFields(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()), from, table, report)
	}
	return len(report.Unclassified) > 0, err
}

// table is the one of the policy that is asked about, and where that is from.
func (f *fieldsFlags) table() (*classify.Table, string, error) {
	if f.running {
		if f.policy != "" {
			return nil, "", errors.New("the policy of the running gateway, or the one in a folder: --running or --policy")
		}
		raw, err := f.gateway.Call(http.MethodGet, "/gateway/policy/fields", nil, nil)
		if err != nil {
			return nil, "", err
		}
		var told toldFields
		if err := json.Unmarshal(raw, &told); err != nil {
			return nil, "", fmt.Errorf("reading the gateway's answer: %w", err)
		}
		table, err := classify.New(told.Fields, told.Classifications)
		return table, told.From, err
	}
	src, err := policySource(f.policy)
	if err != nil {
		return nil, "", err
	}
	table, err := classify.New(src.Data["fields"], src.Data["classifications"])
	return table, policyName(f.policy), err
}

// mostSeen bounds the routes that events tell of: paths that no route names may be many.
const mostSeen = 10_000

// seen are the routes that were asked for, and answered as if there were something.
func (f *fieldsFlags) seen(cmd *cobra.Command) ([]string, error) {
	found := map[string]bool{}
	for _, name := range f.events {
		_, err := eventfile.Read(name, cmd.InOrStdin(), func(line []byte) bool {
			var e struct {
				Method string `json:"http.request.method"`
				Path   string `json:"url.path"`
				Route  string `json:"gateway.route"`
				Status int    `json:"http.response.status_code"`
			}
			if json.Unmarshal(line, &e) != nil {
				return false
			}
			if e.Method == "" || e.Status != http.StatusSwitchingProtocols && (e.Status < 200 || e.Status > 299) || len(found) >= mostSeen {
				return true
			}
			path := e.Path
			if _, pattern, ok := strings.Cut(e.Route, " "); ok && !strings.Contains(pattern, "...}") {
				path = pattern // one for all ids
			}
			if !slices.ContainsFunc(f.except, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
				found[e.Method+" "+path] = true
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	list := make([]string, 0, len(found))
	for s := range found {
		list = append(list, s)
	}
	slices.Sort(list)
	return list, nil
}

func printFields(w io.Writer, s terminal.Style, from string, t *classify.Table, r *classify.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d routes\n", terminal.Clean(from), len(r.Routes))
	for _, name := range t.Classes() {
		class := t.Class(name)
		fmt.Fprintf(&b, "  %-14s %4d fields", terminal.Clean(name), r.Classes[name])
		if class.Encrypted {
			b.WriteString(", encrypted")
		}
		if class.Masked != "" {
			fmt.Fprintf(&b, ", masked (%s)", class.Masked)
		}
		b.WriteString("\n")
	}
	for _, rt := range r.Routes {
		total := 0
		for _, n := range rt.Fields {
			total += n
		}
		fmt.Fprintf(&b, "%s: %d fields", terminal.Clean(rt.Route), total)
		if rt.Class != "" {
			fmt.Fprintf(&b, ", up to %s", terminal.Clean(rt.Class))
		}
		b.WriteString("\n")
	}
	list := func(title string, missing []classify.Missing, bad bool) {
		if len(missing) > 0 {
			fmt.Fprintf(&b, "\n%s\n", s.In(terminal.Bold, s.Verdict(title, bad)))
		}
		for _, m := range missing {
			fmt.Fprintf(&b, "  %s\n", terminal.Clean(strings.Join(strings.Fields(m.Route+"  "+m.Part+" "+m.Type+" "+m.Pointer), " ")))
		}
	}
	list("unclassified", r.Unclassified, true)
	list("in the table, and not described", r.Stale, false)
	_, err := io.WriteString(w, b.String())
	return err
}
