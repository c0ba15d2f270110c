package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

const queryHelp = `
Shows events, narrowed by the same filters as in the console: the last ones of a running gateway's journal, or, where files are named, those of the files
("-" is standard input; encrypted ones come from ` + "`convosphere events open`" + `). The newest stands last; that none matches is said on standard error.

	convosphere events query --since -1h --verdict refused --client 192.0.2.0/24
	convosphere events query --action 'login*' --outcome failure --csv
	convosphere events query --rule '94*' /var/lib/convosphere/events

A value with * at its end stands for whatever begins so, one with ! before it for all others.`

// eventFilters are the filters of events as flags.
type eventFilters struct {
	values map[string]*string
	limit  int
	asJSON bool
	asCSV  bool
}

func (f *eventFilters) register(cmd *cobra.Command, without ...string) {
	f.values = map[string]*string{}
	for _, one := range journal.Filters() {
		if slices.Contains(without, one.Name) {
			continue
		}
		usage := one.Title
		if hint := cmp.Or(strings.Join(one.Choices, ", "), one.Hint); hint != "" {
			usage += ": " + hint
		}
		f.values[one.Name] = cmd.Flags().String(one.Name, "", usage)
	}
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "Print JSON, one event a line")
}

// query is what the flags say, as the address of a view has it.
func (f *eventFilters) query(cmd *cobra.Command) url.Values {
	q := url.Values{}
	for name, value := range f.values {
		if cmd.Flags().Changed(name) {
			q.Set(name, *value)
		}
	}
	return q
}

func eventsQueryCommand() *cobra.Command {
	var f eventFilters
	var admin host.Admin
	cmd := &cobra.Command{Use: "query [FILE...]", Short: "Shows events that were", Long: queryHelp, RunE: func(cmd *cobra.Command, args []string) error {
		if f.limit < 1 || f.limit > view.MostExport {
			return fmt.Errorf("--limit is a number from 1 to %d", view.MostExport)
		}
		rows, notes, err := f.collect(cmd, &admin, args)
		if err != nil {
			return err
		}
		if err := f.print(cmd.OutOrStdout(), rows); err != nil {
			return err
		}
		if len(rows) == 0 {
			cmd.PrintErrln("no event matches")
		}
		for _, note := range notes {
			cmd.PrintErrln(note)
		}
		return nil
	}}
	admin.Register(cmd)
	f.register(cmd)
	cmd.Flags().IntVarP(&f.limit, "limit", "n", view.UsualRows, "How many at most: the newest")
	cmd.Flags().BoolVar(&f.asCSV, "csv", false, "Print CSV")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// eventLine is an event as the admin API tells it, and as it is printed.
type eventLine struct {
	ID      string    `json:"id,omitempty"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level,omitempty"`
	Action  string    `json:"action,omitempty"`
	Result  string    `json:"result,omitempty"`
	What    string    `json:"what,omitempty"`
	Client  string    `json:"client,omitempty"`
	Country string    `json:"country,omitempty"`
	User    string    `json:"user,omitempty"`
	Rules   []string  `json:"rules,omitempty"`
	Node    string    `json:"node,omitempty"`
}

// collect finds events, the oldest first.
func (f *eventFilters) collect(cmd *cobra.Command, admin *host.Admin, files []string) (rows []eventLine, notes []string, err error) {
	if len(files) > 0 {
		return f.fromFiles(cmd, files)
	}
	q := f.query(cmd)
	for len(rows) < f.limit {
		q.Set(view.ParamLimit, strconv.Itoa(min(f.limit-len(rows), view.MostRows)))
		raw, err := admin.Call(http.MethodGet, "/gateway/views/events?"+q.Encode(), nil, nil)
		if err != nil {
			return nil, nil, err
		}
		var page struct {
			Rows []eventLine `json:"rows"`
			Next string      `json:"next"`
			Note string      `json:"note"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, nil, fmt.Errorf("reading the gateway's answer: %w", err)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" || page.Next == q.Get(view.ParamAfter) {
			if page.Note != "" {
				notes = append(notes, page.Note)
			}
			break
		}
		q.Set(view.ParamAfter, page.Next)
	}
	slices.Reverse(rows)
	return rows, notes, nil
}

// fromFiles finds events in files: the last ones, in the order in which they stand there.
func (f *eventFilters) fromFiles(cmd *cobra.Command, files []string) (rows []eventLine, notes []string, err error) {
	v := view.View{Filters: journal.Filters()}
	q := f.query(cmd)
	if !q.Has("since") { // of files all is asked for
		q.Set("since", "")
	}
	asked, err := v.Ask(q, view.Person{}, time.Now())
	if err != nil {
		return nil, nil, err
	}
	filter, err := journal.FilterOf(asked)
	if err != nil {
		return nil, nil, err
	}
	sieve, err := journal.NewSieve(filter)
	if err != nil {
		return nil, nil, err
	}
	broken := 0
	for _, name := range files {
		n, err := eventfile.Read(name, cmd.InOrStdin(), func(line []byte) bool {
			hit, found, event := sieve.Look(line)
			if found {
				rows = append(rows, lineOf(&hit))
				if len(rows) >= 2*f.limit {
					rows = append(rows[:0], rows[len(rows)-f.limit:]...)
				}
			}
			return event
		})
		if err != nil {
			return nil, nil, err
		}
		broken += n
	}
	if broken > 0 {
		notes = append(notes, fmt.Sprintf("%d lines are no events.", broken))
	}
	return rows[max(0, len(rows)-f.limit):], notes, nil
}

func lineOf(h *journal.Hit) eventLine {
	result, _ := h.Result()
	return eventLine{
		ID: h.ID, Time: h.At, Level: h.Get(journal.Level), Action: h.Get(journal.Action), Result: result, What: h.Says(), Client: h.Get(journal.Client),
		Country: h.Get(journal.Country), User: h.Get(journal.User), Rules: h.Rules(), Node: h.Get(journal.Node),
	}
}

func (f *eventFilters) print(w io.Writer, rows []eventLine) error {
	if f.asCSV {
		return printEventsCSV(w, rows)
	}
	p := eventPrinter{w: w, style: terminal.For(w), asJSON: f.asJSON}
	for i := range rows {
		if err := p.print(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// printEventsCSV writes them as the console exports them.
func printEventsCSV(w io.Writer, rows []eventLine) error {
	p := view.Page{}
	for _, r := range rows {
		p.Rows = append(p.Rows, view.Row{Cells: []any{r.Time, r.Level, r.Action, r.Result, r.What, r.Client, r.Country, r.User, r.Rules, r.Node, r.ID}})
	}
	v := view.View{
		Columns: append(journal.Columns(), view.Column{Name: "id", Kind: view.ID}),
		Rows:    func(context.Context, view.Query) (view.Page, error) { return p, nil },
	}
	return v.Export(context.Background(), w, view.Query{}, false)
}

// eventPrinter writes events for people, or as JSON for programs.
type eventPrinter struct {
	w      io.Writer
	style  terminal.Style
	asJSON bool
}

var levelColours = map[string]string{"informational": terminal.Dim, "low": terminal.Cyan, "medium": terminal.Yellow, "high": terminal.Red, "critical": terminal.Red}

func (p *eventPrinter) print(r *eventLine) error {
	if p.asJSON {
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.w, "%s\n", raw)
		return err
	}
	result := r.Result
	switch result {
	case journal.Refused, journal.Failed, "failure":
		result = p.style.In(terminal.Yellow, fmt.Sprintf("%-8s", terminal.Clean(result)))
	default:
		result = p.style.In(terminal.Green, fmt.Sprintf("%-8s", terminal.Clean(result)))
	}
	from := terminal.Clean(r.Client)
	if r.Country != "" {
		from += " " + terminal.Clean(r.Country)
	}
	_, err := fmt.Fprintf(p.w, "%s %s %s %s %s %s", p.style.In(terminal.Dim, r.Time.Format("2006-01-02 15:04:05.000")), p.style.In(levelColours[r.Level], fmt.Sprintf("%-13s", terminal.Clean(r.Level))),
		result, p.style.In(terminal.Bold, fmt.Sprintf("%-18s", terminal.Clean(r.Action))), fmt.Sprintf("%-18s", from), terminal.Clean(r.What))
	for _, more := range []struct{ name, value string }{{"account", r.User}, {"rules", strings.Join(r.Rules, ",")}} {
		if more.value != "" && err == nil {
			_, err = fmt.Fprintf(p.w, " %s", p.style.In(terminal.Dim, more.name+"="+terminal.Clean(more.value)))
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.w)
	return err
}
