package waf

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/waf/attack"
	"github.com/convosphere/gateway/modules/waf/explain"
)

const highestParanoia = 4

// offline is a handler's configuration, ready to be asked about requests that nobody waits for.
type offline struct {
	*Handler
	end func()
}

// takeOffline loads the rules of the configuration at a paranoia level, in mode block, so that the rules say what they would do.
func takeOffline(config Handler, paranoia int) (*offline, error) {
	h := config
	h.Mode, h.Paranoia, h.RaisedParanoia, h.Capture, h.Modes = Block, paranoia, never, nil, nil
	h.DetectionParanoia = max(h.DetectionParanoia, paranoia)
	// That rules were loaded is no news for whoever asked for a report.
	base, err := caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "ERROR"}},
	}}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := caddy.NewContext(base)
	if err := h.Provision(ctx); err != nil {
		err = errors.Join(err, h.Cleanup())
		cancel()
		return nil, err
	}
	return &offline{&h, func() {
		_ = h.Cleanup() // its rules are nobody else's; the process ends soon
		cancel()
	}}, nil
}

// nobody takes answers that no client gets.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n nobody) WriteHeader(int)             {}

// ask runs the rules over the request, which is spent, and hands what they found to see, if they got so far.
func (o *offline) ask(r *http.Request, see func(types.Transaction, plugintypes.TransactionState)) explain.Level {
	r, rc := reqctx.Ensure(r)
	rc.Client.IP = addressOf(r.RemoteAddr)
	x := o.inspect(nobody{http.Header{}}, r, rc)
	defer x.end()
	l := explain.Level{Paranoia: o.Paranoia, Status: x.status, Close: closeCode(closing(x)), Verdict: explain.Passes, Rules: []int{}}
	switch x.label {
	case blocked:
		l.Verdict = explain.Blocked
	case refused:
		l.Verdict = explain.Refused
	case failed:
		l.Verdict = explain.Failed
	}
	if v := rc.Verdict; v != nil {
		l.Rules, l.Score = withoutJudges(v.Rules), v.Score
	}
	if x.tx == nil {
		return l
	}
	l.Threshold = number(x.state(), "inbound_anomaly_score_threshold")
	if stop := x.tx.Interruption(); stop != nil {
		l.By = stop.RuleID
	}
	if see != nil {
		see(x.tx, x.state())
	}
	return l
}

func number(s plugintypes.TransactionState, name string) int {
	v := s.Variables().TX().Get(name)
	if len(v) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(v[0]) // a rule of the operator may have written anything: 0
	return n
}

// withoutJudges leaves out the rules that add up the score: they hit nothing of the request.
func withoutJudges(rules []int) []int {
	out := []int{}
	for _, id := range rules {
		if id/1000 != 949 && id/1000 != 959 && id/1000 != 980 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// explainRequest runs the request that fresh makes against the configuration, at each paranoia level.
func explainRequest(config Handler, fresh func() (*http.Request, error)) (*explain.Report, error) {
	config.ScreenOff = true // so that rules which score nothing at this level say so
	config.defaults()
	mode, err := config.modeFor(fresh)
	if err != nil {
		return nil, err
	}
	rep := &explain.Report{Mode: mode, Paranoia: config.Paranoia, Hits: []explain.Hit{}}
	for level := 1; level <= highestParanoia; level++ {
		r, err := fresh()
		if err != nil {
			return nil, err
		}
		o, err := takeOffline(config, level)
		if err != nil {
			return nil, fmt.Errorf("loading the rules: %w", err)
		}
		l := o.ask(r, func(tx types.Transaction, s plugintypes.TransactionState) {
			for _, h := range hits(tx, s) {
				if i := slices.IndexFunc(rep.Hits, func(k explain.Hit) bool { return k.ID == h.ID }); i < 0 {
					h.Paranoia = level
					h.Active = level <= config.Paranoia
					rep.Hits = append(rep.Hits, h)
				} else if level == config.Paranoia {
					h.Paranoia, h.Active = rep.Hits[i].Paranoia, true
					rep.Hits[i] = h // as the operator's level sees it
				}
			}
		})
		o.end()
		rep.Levels = append(rep.Levels, l)
		if level == config.Paranoia {
			rep.Verdict = l
		}
	}
	slices.SortStableFunc(rep.Hits, func(a, b explain.Hit) int {
		return cmp.Or(cmp.Compare(a.Paranoia, b.Paranoia), cmp.Compare(a.ID, b.ID))
	})
	return rep, nil
}

// modeFor is the mode at the path of the request that fresh makes.
func (h *Handler) modeFor(fresh func() (*http.Request, error)) (string, error) {
	r, err := fresh()
	if err != nil {
		return "", err
	}
	routed := *h
	if _, routed.routes, err = h.variants(); err != nil {
		return "", err
	}
	return routed.of(r).Mode, nil
}

// hits are the rules that matched and say so, each once.
func hits(tx types.Transaction, s plugintypes.TransactionState) (all []explain.Hit) {
	for _, m := range tx.MatchedRules() {
		rule := m.Rule()
		if l, ok := m.(interface{ Log() bool }); ok && !l.Log() || len(withoutJudges([]int{rule.ID()})) == 0 || rule.ID() == 0 {
			continue
		}
		h := explain.Hit{
			ID: rule.ID(), Message: m.Message(), Class: class(rule), File: path.Base(rule.File()), Severity: rule.Severity().String(),
			Tags: rule.Tags(), Matches: []explain.Match{},
		}
		if rule.Severity() == types.RuleSeverityUnset {
			h.Severity = "no severity"
		}
		if rule.File() == "" || strings.HasPrefix(h.File, "_") {
			h.File = ""
		}
		if stop := tx.Interruption(); stop != nil && stop.RuleID == rule.ID() {
			h.Denies = true
		}
		deepest := 0
		for _, d := range m.MatchedDatas() {
			deepest = max(deepest, d.ChainLevel())
		}
		for _, d := range m.MatchedDatas() {
			if d.ChainLevel() == deepest {
				h.Score += addedBy(rule, s)
			}
			if name := matchedName(d); name != "" {
				h.Matches = append(h.Matches, explain.Match{Variable: name, Value: d.Value(), Data: d.Data()})
			}
		}
		if i := slices.IndexFunc(all, func(k explain.Hit) bool { return k.ID == h.ID }); i >= 0 {
			all[i].Score += h.Score
			all[i].Matches = append(all[i].Matches, h.Matches...)
			continue
		}
		all = append(all, h)
	}
	return all
}

// matchedName names what matched as a target of SecLang does.
func matchedName(d types.MatchData) string {
	name := d.Variable().Name()
	if name == "UNKNOWN" {
		return "" // of an action without a condition
	}
	if name == "ARGS_GET" || name == "ARGS_POST" {
		name = "ARGS"
	}
	if d.Key() != "" {
		name += ":" + d.Key()
	}
	return name
}

// class is what the rule's tags say, or its id.
func class(rule types.RuleMetadata) string {
	if c := attack.Class(rule.ID()); c != attack.Local {
		return c
	}
	for _, t := range rule.Tags() {
		if c, ok := strings.CutPrefix(t, "attack-"); ok {
			return c
		}
	}
	return attack.Local
}

// scores finds what a rule adds, in its own text.
var scores = regexp.MustCompile(`(?i)setvar:'?tx\.inbound_anomaly_score_pl[1-4]=\+(?:%\{tx\.([a-z_]+)\}|(\d+))`)

// addedBy is what each match of the rule adds. The text of a chained rule lacks its end, where the Core Rule Set counts; its severity says how much.
func addedBy(rule types.RuleMetadata, s plugintypes.TransactionState) int {
	if m := scores.FindStringSubmatch(rule.Raw()); m != nil {
		if m[1] != "" {
			return number(s, strings.ToLower(m[1]))
		}
		n, _ := strconv.Atoi(m[2])
		return n
	}
	if !slices.Contains(rule.Tags(), "OWASP_CRS") || !strings.Contains(rule.Raw(), "chain") {
		return 0
	}
	switch rule.Severity() {
	case types.RuleSeverityCritical, types.RuleSeverityError, types.RuleSeverityWarning, types.RuleSeverityNotice:
		return number(s, rule.Severity().String()+"_anomaly_score")
	}
	return 0
}
