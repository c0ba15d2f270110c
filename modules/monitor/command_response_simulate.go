package monitor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/detect/replay"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/engine"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

func responseSimulateCommand() *cobra.Command {
	var uses ruleFlags
	var folders []string
	var place host.Place
	cmd := &cobra.Command{
		Use: "simulate EVENTS...", Short: "Says what would have been done about events that were written", Args: host.AtLeast(1),
		Long: `Reads event files (oldest first; - is standard input, *.gz is unpacked), finds in them what rules find, and prints what would have been done about it:
what is applied, proposed, or held for a person, as the configuration says, or as is usual where none is named. Nothing is done. It knows nothing of anomalies,
nor of what people decided.`,
	}
	place.ConfigFlags(cmd, "whose `respond` and `allow` are asked")
	uses.register(cmd)
	cmd.Flags().StringArrayVarP(&folders, "rules", "r", nil, "A folder (or file) of rules, in place of those that are built in; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := simulationOf(&place)
		if err != nil {
			return err
		}
		rules, problems, _, err := uses.load(folders)
		if err != nil {
			return err
		}
		for _, p := range problems {
			if !p.Warning {
				return p
			}
		}
		w := &would{simulation: s, out: bufio.NewWriter(cmd.OutOrStdout()), asJSON: uses.asJSON, counts: map[string]int{}}
		return w.run(cmd, args, engine.New(engine.Options{Rules: rules}))
	}
	return cmd
}

// simulationOf is what the configuration says, or what is usual.
func simulationOf(place *host.Place) (*respond.Simulation, error) {
	raw, err := place.Adapted()
	if err != nil {
		return nil, err
	}
	var c struct {
		Apps struct {
			Gateway struct {
				Allow   []string `json:"allow"`
				Monitor struct {
					Respond *Respond `json:"respond"`
				} `json:"monitor"`
			} `json:"gateway"`
		} `json:"apps"`
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
	}
	config, err := c.Apps.Gateway.Monitor.Respond.config()
	if err != nil {
		return nil, err
	}
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, text := range c.Apps.Gateway.Allow {
		p, err := caddyhttp.CIDRExpressionToPrefix(text)
		if err != nil {
			return nil, fmt.Errorf("allow %q: %w", text, err)
		}
		allow = append(allow, p)
	}
	return respond.Simulate(config, func(p netip.Prefix) bool { return slices.ContainsFunc(allow, p.Overlaps) }), nil
}

// would prints what would be done.
type would struct {
	simulation *respond.Simulation
	out        *bufio.Writer
	asJSON     bool
	counts     map[string]int
	failed     error
}

// wouldJSON is one thing that would be done.
type wouldJSON struct {
	Finding finding.Finding `json:"finding"`
	Action  string          `json:"action"`
	Subject finding.Subject `json:"subject"`
	Verdict respond.Verdict `json:"verdict"`
	Why     string          `json:"why,omitempty"`
}

func (w *would) run(cmd *cobra.Command, names []string, e *engine.Engine) error {
	files := replayed{cmd: cmd}
	var stats replay.Stats
	for _, name := range names {
		s, err := files.file(name, func(event *ecs.Event) { e.SeeEvent(event, w.found) })
		stats.Add(s)
		if err = errors.Join(err, w.failed); err != nil {
			return err
		}
	}
	e.End(w.found)
	if err := errors.Join(w.failed, w.out.Flush()); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d events\n", stats.Events)
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%7d  %s\n", w.counts[what], what)
	}
	return nil
}

func (w *would) found(f *finding.Finding) {
	for _, s := range w.simulation.See(f) {
		w.counts[string(s.Verdict)+" "+s.Action.Do]++
		if w.failed != nil {
			return
		}
		if w.asJSON {
			line, err := json.Marshal(wouldJSON{*f, s.Action.String(), s.Subject, s.Verdict, s.Why})
			if err == nil {
				_, err = w.out.Write(append(line, '\n'))
			}
			w.failed = err
			continue
		}
		text := fmt.Sprintf("%s  %-7s  %s  %s  %s", f.Last.UTC().Format("2006-01-02 15:04:05"), s.Verdict, s.Action, s.Subject, f.Title)
		if s.Why != "" {
			text += " (" + s.Why + ")"
		}
		_, w.failed = fmt.Fprintln(w.out, oneLine(text))
	}
}
