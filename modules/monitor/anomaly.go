package monitor

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/monitor/anomaly"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Anomaly says what is looked for that is unlike what is usual. What was learned outlives a reload that does not change it.
type Anomaly struct {
	// Looks for none.
	Off bool `json:"off,omitempty"`

	// How much memory what is known of clients and accounts may take, in bytes. Default: 128 MiB, for about 300,000.
	Memory int64 `json:"memory,omitempty"`

	// The score, up to 100, from which one is a finding of level medium. Default: 97.
	Alert float64 `json:"alert,omitempty"`

	// The score from which one is a finding of level low, which raises the risk that policies see. Default: 70.
	Notice float64 `json:"notice,omitempty"`
}

func (a *Anomaly) options() *anomaly.Options {
	if a == nil {
		return new(anomaly.Options)
	}
	if a.Off {
		return nil
	}
	return &anomaly.Options{Memory: a.Memory, Alert: a.Alert, Notice: a.Notice}
}

const leastMemory = 1 << 20

func (a *Anomaly) check() error {
	switch {
	case a == nil:
		return nil
	case a.Memory != 0 && a.Memory < leastMemory:
		return errors.New("anomaly: memory is 1 MiB at least")
	case a.Alert < 0 || a.Alert > 100 || a.Notice < 0 || a.Notice > 100:
		return errors.New("anomaly: scores go from 0 to 100")
	}
	return nil
}

// parseAnomaly reads
//
//	anomaly off
//	anomaly {
//		memory <size>
//		alert  <score>
//		notice <score>
//	}
func (a *App) parseAnomaly(d *caddyfile.Dispenser) error {
	a.Anomaly = new(Anomaly)
	if d.NextArg() {
		if a.Anomaly.Off = d.Val() == "off"; !a.Anomaly.Off || d.NextArg() {
			return d.Err("anomaly: write `anomaly off`, or a block")
		}
		return nil
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		if err := a.Anomaly.set(name, value); err != nil {
			return d.Err(err.Error())
		}
	}
	return nil
}

func (a *Anomaly) set(name, value string) (err error) {
	switch name {
	case "memory":
		n, err := humanize.ParseBytes(value)
		if err != nil || n > 1<<40 {
			return fmt.Errorf("anomaly: memory %q: write a size, as 128MiB", value)
		}
		a.Memory = int64(n)
	case "alert":
		a.Alert, err = score(name, value)
	case "notice":
		a.Notice, err = score(name, value)
	default:
		return fmt.Errorf("unknown subdirective %q: anomaly knows memory, alert and notice", name)
	}
	return err
}

func score(name, value string) (float64, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 1 && n <= 100) {
		return 0, fmt.Errorf("anomaly: %s %q: write a score from 1 to 100", name, value)
	}
	return n, nil
}

// raise adds to the risk of whom a finding is about.
func raise(t *risk.Table, f *finding.Finding) {
	points := pointsOf(f)
	if id, ok := f.Subject(finding.Client); ok {
		t.RaiseClient(id, points)
	}
	if id, ok := f.Subject(finding.User); ok {
		t.RaiseUser(id, points)
	}
}

func pointsOf(f *finding.Finding) float64 {
	if f.Kind == finding.Anomaly {
		return f.Score / 2
	}
	return [...]float64{finding.Informational: 0, finding.Low: 10, finding.Medium: 25, finding.High: 50, finding.Critical: 80}[f.Level]
}
