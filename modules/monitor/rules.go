package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/pack"
)

const (
	defaultEvery = 5 * time.Second
	// mostSaid bounds how many problems of one reading are logged.
	mostSaid = 50
)

// Rules says what is looked for in events.
type Rules struct {
	// Without the rules that are built in.
	BuiltInOff bool `json:"built_in_off,omitempty"`

	// Folders of Sigma rules (*.yml, *.yaml). What changes in them is put in force; where the new rules are wrong, those before stay.
	Folders []string `json:"folders,omitempty"`

	// Rules that are left out, by id or name, and with them the correlations that refer to them.
	Disable []string `json:"disable,omitempty"`

	// What placeholders of rules stand for: values, with wildcards.
	Placeholders map[string][]string `json:"placeholders,omitempty"`

	// Leaves out rules that are wrong, where one would keep all from being put in force.
	SkipBroken bool `json:"skip_broken,omitempty"`

	// How often the folders are looked at. Default: 5s.
	Every caddy.Duration `json:"every,omitempty"`
}

// builtIn are the sources of the rules that come with the gateway.
func builtIn() []fs.FS { return []fs.FS{pack.FS()} }

func (r *Rules) loader() detect.Loader {
	return detect.Loader{Placeholders: r.Placeholders, Disable: r.Disable}
}

func (r *Rules) sources() (all []fs.FS) {
	if !r.BuiltInOff {
		all = builtIn()
	}
	for _, dir := range r.Folders {
		all = append(all, detect.Folder(dir))
	}
	return all
}

func (r *Rules) check() error {
	for _, dir := range r.Folders {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = errors.New("it is no folder")
		}
		if err != nil {
			return fmt.Errorf("rules: folder %s: %w", dir, err)
		}
	}
	if r.Every != 0 && time.Duration(r.Every) < 100*time.Millisecond {
		return errors.New("rules: every is 100ms at least")
	}
	return nil
}

// openRules reads the rules. One that is wrong is an error at load, unless they are to be skipped.
func (a *App) openRules(caddy.Context) error {
	if a.Rules == nil {
		a.Rules = new(Rules)
	}
	if err := a.Rules.check(); err != nil {
		return err
	}
	mark := a.Rules.mark()
	rules, err := a.readRules()
	if err != nil {
		return err
	}
	a.rules = rules
	if len(a.Rules.Folders) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background()) // the configuration's: given back in Cleanup
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.watchRules(ctx, mark)
	}()
	a.give = append(a.give, func() error {
		cancel()
		<-done
		return nil
	})
	return nil
}

// readRules reads all rules again, and says what is wrong with them.
func (a *App) readRules() (*detect.Rules, error) {
	rules, problems := a.Rules.loader().Load(a.Rules.sources()...)
	n := 0
	for _, p := range problems {
		switch {
		case p.Warning && p.File == "": // of the configuration, not of a rule
			a.logger.Warn("the rules' configuration", zap.Error(p))
			continue
		case p.Warning:
			a.logger.Debug("a rule", zap.Error(p))
			continue
		}
		if n++; n <= mostSaid {
			a.logger.Error("a rule is wrong", zap.Error(p))
		}
	}
	if n > 0 && !a.Rules.SkipBroken {
		for _, p := range problems {
			if !p.Warning {
				return nil, fmt.Errorf("rules: %w (%d are wrong; `convosphere detect check` lists them, `skip_broken` leaves them out)", p, n)
			}
		}
	}
	rulesBroken.Set(float64(n))
	return rules, nil
}

// mark changes when a file in the folders does.
func (r *Rules) mark() [32]byte {
	h := sha256.New()
	for _, dir := range r.Folders {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !detect.IsRuleFile(name) {
				return nil // what can't be read now is said when the rules are
			}
			if info, err := os.Stat(name); err == nil {
				fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		})
		if err != nil {
			fmt.Fprintf(h, "%v\n", err)
		}
	}
	return [32]byte(h.Sum(nil))
}

// watchRules puts rules in force when their files change, once they have not changed between two looks: nobody writes them just then.
func (a *App) watchRules(ctx context.Context, mark [32]byte) {
	every := time.Duration(a.Rules.Every)
	if every == 0 {
		every = defaultEvery
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for before := mark; ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := a.Rules.mark()
		if now == mark || now != before {
			before = now
			continue
		}
		mark = now
		a.renewRules()
	}
}

// renewRules puts rules that changed in force. Fails closed on what is wrong: the last good ones stay.
func (a *App) renewRules() {
	rules, err := a.readRules()
	if err != nil {
		a.logger.Error("the rules that changed are not put in force, those before stay", zap.Error(err))
		rulesRefused.Inc()
		a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "rules-refused", Outcome: event.Failure, Reason: "a rule is wrong; those before stay in force"})
		return
	}
	if digestOf(rules) == digestOf(a.rules) {
		return
	}
	a.live.swap(a, rules)
}

// tellRules says which rules are in force, unless it did.
func (l *live) tellRules(a *App) {
	r, digest := a.rules, digestOf(a.rules)
	if l.told == digest {
		return
	}
	l.told = digest
	alone := len(r.All()) - len(r.Correlations())
	rulesLoaded.WithLabelValues("rule").Set(float64(alone))
	rulesLoaded.WithLabelValues("correlation").Set(float64(len(r.Correlations())))
	l.bus.Emit(&event.Event{
		Category: "configuration", Action: "rules-activated", Outcome: event.Success,
		Fields: []zap.Field{
			zap.Int("gateway.rules.count", alone), zap.Int("gateway.rules.correlations", len(r.Correlations())), zap.String("gateway.rules.digest", digest),
		},
	})
}

// digestOf tells sets of rules apart.
func digestOf(r *detect.Rules) string {
	h := sha256.New()
	for _, rule := range r.All() {
		h.Write(rule.Digest[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
