package policy

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Capture keeps whole inputs of decisions, encrypted, for `convosphere policy replay`.
type Capture struct {
	// Those that refuse are kept. Where percent is none too, they are, and a tenth of the others.
	Denied bool `json:"denied,omitempty"`

	// How many of all (other) decisions, in percent.
	Percent float64 `json:"percent,omitempty"`

	host.Retention
}

const defaultPercent = 10

func (c Capture) filled() Capture {
	if !c.Denied && c.Percent == 0 {
		c.Denied, c.Percent = true, defaultPercent
	}
	c.Retention = c.Retention.Filled()
	return c
}

func (c Capture) validate() error {
	return errors.Join(host.CheckPercent(c.Percent), c.Retention.Validate())
}

// wants tells whether a decision is kept.
func (c Capture) wants(d *engine.Decision) bool {
	return c.Denied && !d.Allow || host.Chosen(c.Percent)
}

// parseCapture reads, at the subdirective's name:
//
//	capture {
//		sample   all | [denied] [<number>%]   # denied 10%
//		keep     <duration>                   # 7d
//		max_size <size>                       # 256MiB
//	}
func (a *App) parseCapture(d *caddyfile.Dispenser) error {
	c, seen := new(Capture), map[string]bool{}
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(1) {
		name, args := d.Val(), d.RemainingArgs()
		if seen[name] {
			return d.Errf("capture: %s is given twice", name)
		}
		seen[name] = true
		switch {
		case name != "sample" && name != "keep" && name != "max_size":
			return d.Errf("capture: unknown subdirective %q: it knows sample, keep and max_size", name)
		case len(args) == 0 || len(args) > 2 || len(args) > 1 && name != "sample":
			return d.ArgErr()
		case name == "sample":
			for _, arg := range args {
				if err := c.sample(arg); err != nil {
					return d.WrapErr(err)
				}
			}
		default:
			if err := c.Parse(name, args[0]); err != nil {
				return d.WrapErr(err)
			}
		}
		if d.NextBlock(2) {
			return d.Errf("capture: %s takes no block", name)
		}
	}
	if err := c.validate(); err != nil {
		return d.WrapErr(err)
	}
	a.Capture = c
	return nil
}

func (c *Capture) sample(arg string) error {
	p, ok := host.ParsePercent(arg)
	switch {
	case arg == "denied" && !c.Denied:
		c.Denied = true
	case ok && c.Percent == 0:
		c.Percent = p
	default:
		return fmt.Errorf("capture: sample %q: it is all, denied, or a percentage as 5%%", arg)
	}
	return nil
}

// captureFolder is where the captures of a gateway are.
func captureFolder(dataDir string) string { return filepath.Join(dataDir, "policy", "captures") }

// openCapture has the decision log keep inputs. It returns what gives the files back.
func (a *App) openCapture(o *decisionlog.Options) (release func() error, err error) {
	if a.Capture == nil {
		return func() error { return nil }, nil
	}
	if err := a.Capture.validate(); err != nil {
		return nil, err
	}
	c := a.Capture.filled()
	w, release, err := host.Records(decisionlog.CaptureOptions(records.Options{
		Dir: captureFolder(a.ground.DataDir), Keys: a.ground.Keys, Keep: time.Duration(c.Keep), Size: c.MaxSize,
		Error: func(err error) { a.logger.Error("capturing decisions", zap.Error(err)) },
		Done:  countCaptured,
	}))
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	o.Sample = c.wants
	o.Capture = func(rec *decisionlog.Captured) {
		if !w.Put(rec) { // fail open: capturing must not slow decisions
			countCaptured(false)
		}
	}
	return release, nil
}

var captured = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_policy_captured_total", Help: "Decisions to be captured, by result: written, dropped (no room in the queue, or the disk refused).",
}, []string{"result"})

func countCaptured(ok bool) {
	if ok {
		captured.WithLabelValues("written").Inc()
	} else {
		captured.WithLabelValues("dropped").Inc()
	}
}
