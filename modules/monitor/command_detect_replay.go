package monitor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/anomaly"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/replay"
	"github.com/convosphere/gateway/modules/monitor/detect/ruletest"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/engine"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func detectReplayCommand() *cobra.Command {
	var uses ruleFlags
	var folders []string
	var expect string
	var unusual bool
	cmd := &cobra.Command{
		Use: "replay EVENTS...", Short: "Says what rules find in events that were written", Args: host.AtLeast(1),
		Long: `Reads event files (oldest first; - is standard input, *.gz is unpacked) and prints what rules find in them: what they would have found live. Nothing is done about it.
Events that a gateway encrypted are read through convosphere events open:

	convosphere events open /var/lib/convosphere/events | convosphere detect replay - --rules my-rules

Anomaly detection is part of it, unless --rules names rules: --anomalies has it or leaves it out. It begins without knowing anybody, so it is silent about the first days.

The query string and the referrer of requests are in no file: rules that ask for them find nothing here.

--expect names a YAML file of what is to be found; the exit code is 3 where it is not:

	expect:
	  - { rule: password-spraying, at_least: 1 }
	  - { rule: scanning, exactly: 0 }`,
	}
	uses.register(cmd)
	cmd.Flags().StringArrayVarP(&folders, "rules", "r", nil, "A folder (or file) of rules, in place of those that are built in; may be repeated")
	cmd.Flags().BoolVar(&unusual, "anomalies", false, "Look for anomalies, too; default: where --rules is not given")
	cmd.Flags().StringVar(&expect, "expect", "", "A file that says what is to be found")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		rules, problems, _, err := uses.load(folders)
		if err != nil {
			return false, err
		}
		for _, p := range problems {
			if !p.Warning {
				return false, p
			}
		}
		expected, err := readExpected(expect, rules)
		if err != nil {
			return false, err
		}
		r := &replayed{cmd: cmd, asJSON: uses.asJSON, out: bufio.NewWriter(cmd.OutOrStdout()), expected: expected, byRule: map[string]int{}}
		o := engine.Options{Rules: rules}
		if unusual || len(folders) == 0 && !cmd.Flags().Changed("anomalies") {
			o.Anomaly = new(anomaly.Options)
		}
		if err := r.run(args, engine.New(o)); err != nil {
			return false, err
		}
		return r.unmet(), nil
	})
	return cmd
}

// expected is an expectation, and what became of it.
type expected struct {
	Rule            string `yaml:"rule"`
	ruletest.Expect `yaml:",inline"`
	id              string
	got             int
}

func readExpected(name string, rules *detect.Rules) ([]*expected, error) {
	if name == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file struct {
		Expect []*expected `yaml:"expect"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(file.Expect) == 0 {
		return nil, fmt.Errorf("%s expects nothing", name)
	}
	for _, e := range file.Expect {
		if e == nil {
			return nil, fmt.Errorf("%s: an expectation is empty", name)
		}
		if err := e.Check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, e.Rule, err)
		}
		at := slices.IndexFunc(rules.All(), func(r *detect.Rule) bool { return r.ID == e.Rule || r.Name == e.Rule })
		if at < 0 {
			return nil, fmt.Errorf("%s: there is no rule %q", name, e.Rule)
		}
		e.id = rules.All()[at].ID
	}
	return file.Expect, nil
}

// replayed is one replay.
type replayed struct {
	cmd      *cobra.Command
	asJSON   bool
	out      *bufio.Writer
	expected []*expected
	byRule   map[string]int // findings, by title
	total    int
	failed   error // of the output
}

func (r *replayed) run(names []string, e *engine.Engine) error {
	var stats replay.Stats
	began := time.Now()
	for _, name := range names {
		s, err := r.file(name, func(event *ecs.Event) { e.SeeEvent(event, r.found) })
		stats.Add(s)
		if err = errors.Join(err, r.failed); err != nil {
			return err
		}
	}
	e.End(r.found)
	if err := errors.Join(r.failed, r.out.Flush()); err != nil {
		return err
	}
	r.summary(stats, time.Since(began))
	return nil
}

// file replays one file.
func (r *replayed) file(name string, see func(*ecs.Event)) (replay.Stats, error) {
	in := r.cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return replay.Stats{}, err
		}
		defer f.Close()
		in = f
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return replay.Stats{}, fmt.Errorf("reading %s: %w", name, err)
		}
		in = z
	}
	return replay.Run(r.cmd.Context(), io.Reader(in), name, max(1, runtime.GOMAXPROCS(0)-1), see)
}

// found prints a finding.
func (r *replayed) found(f *finding.Finding) {
	r.total++
	r.byRule[f.Title]++
	for _, e := range r.expected {
		if e.id == f.Rule && (e.Subject == "" || slices.ContainsFunc(f.Subjects, func(s finding.Subject) bool { return s.String() == e.Subject })) {
			e.got++
		}
	}
	if r.failed != nil {
		return
	}
	if r.asJSON {
		line, err := json.Marshal(f)
		if err == nil {
			_, err = r.out.Write(append(line, '\n'))
		}
		r.failed = err
		return
	}
	var about []string
	for _, s := range f.Subjects {
		about = append(about, s.String())
	}
	text := fmt.Sprintf("%s  %-13s  %s  %s", f.Last.UTC().Format("2006-01-02 15:04:05"), f.Level, f.Title, strings.Join(about, " "))
	if f.Explain != "" {
		text += ": " + f.Explain
	}
	_, r.failed = fmt.Fprintln(r.out, oneLine(text))
}

// summary goes to standard error, so that what is found can be piped on.
func (r *replayed) summary(s replay.Stats, took time.Duration) {
	w := r.cmd.ErrOrStderr()
	fmt.Fprintf(w, "%d events", s.Events)
	if !s.First.IsZero() {
		fmt.Fprintf(w, " from %s to %s", s.First.UTC().Format(time.DateTime), s.Last.UTC().Format(time.DateTime))
	}
	fmt.Fprintf(w, ", %.0f a second: %d findings\n", float64(s.Events)/max(took.Seconds(), 1e-9), r.total)
	if s.Unreadable > 0 {
		fmt.Fprintf(w, "%d lines are no events; the first is %s\n", s.Unreadable, s.At)
	}
	if s.Backwards > 0 {
		fmt.Fprintf(w, "%d times an event is more than a minute older than one before it: give the files oldest first, or correlations find less\n", s.Backwards)
	}
	if !r.asJSON {
		titles := make([]string, 0, len(r.byRule))
		for t := range r.byRule {
			titles = append(titles, t)
		}
		slices.SortFunc(titles, func(a, b string) int { return compareCounts(r.byRule, a, b) })
		for _, t := range titles {
			fmt.Fprintf(w, "%7d  %s\n", r.byRule[t], oneLine(t))
		}
	}
}

// compareCounts puts the most frequent first.
func compareCounts(n map[string]int, a, b string) int {
	if n[a] != n[b] {
		return n[b] - n[a]
	}
	return strings.Compare(a, b)
}

// unmet prints the expectations that are not met.
func (r *replayed) unmet() (any bool) {
	for _, e := range r.expected {
		if !e.Met(e.got) {
			any = true
			fmt.Fprintf(r.cmd.ErrOrStderr(), "%s: %d findings, expected %s\n", oneLine(e.Rule), e.got, e.Expect)
		}
	}
	return any
}
