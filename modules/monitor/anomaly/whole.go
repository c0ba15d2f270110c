package anomaly

import (
	"fmt"
	"math"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// The series of the whole.
const (
	allRequests = iota
	allRefused
	allErrors
	allFailures
	series
)

var seriesOf = [series]struct {
	id, words  string
	deviations float64 // from which on it is told
	factor     float64
	least      float64 // a bin with fewer is never too many
	level      finding.Level
}{
	allRequests: {"requests", "requests", 8, 4, 1000, finding.Low},
	allRefused:  {"refused", "refused requests", 8, 5, 200, finding.Low},
	allErrors:   {"errors", "errors of the back end", 8, 5, 100, finding.Low},
	allFailures: {"failed-logins", "failed logins", 8, 5, 50, finding.Medium},
}

// whole watches what everybody does together, in bins of five minutes.
type whole struct {
	bin    int64
	counts [series]float64
	of     [series]season
	told   [series]int64 // the bin of the last finding
}

func newWhole() *whole { return new(whole) }

func (w *whole) see(a *act, found func(*finding.Finding)) {
	if now := a.time.Unix() / bin; now > w.bin {
		if w.bin != 0 {
			w.close(now, a, found)
		}
		w.bin = now
	}
	w.counts[allRequests] += float64(a.requests)
	w.counts[allRefused] += float64(a.refused)
	if a.error {
		w.counts[allErrors]++
	}
	if a.failed {
		w.counts[allFailures]++
	}
}

// close ends the bin, and those in which nothing happened since.
func (w *whole) close(now int64, a *act, found func(*finding.Finding)) {
	if now-w.bin > farGap {
		*w = whole{}
		return
	}
	for i := range w.of {
		deviations, factor := w.of[i].close(w.bin, w.counts[i])
		w.judge(i, deviations, factor, a, found)
		for b := w.bin + 1; b < now; b++ {
			w.of[i].close(b, 0)
		}
	}
	w.counts = [series]float64{}
}

func (w *whole) judge(i int, deviations, factor float64, a *act, found func(*finding.Finding)) {
	s := &seriesOf[i]
	if deviations < s.deviations || factor < s.factor || w.counts[i] < s.least || w.bin-w.told[i] < perDay/4 {
		return
	}
	w.told[i] = w.bin
	subjects := []finding.Subject{{Kind: "gateway", ID: s.id}}
	start := time.Unix(w.bin*bin, 0).UTC()
	found(&finding.Finding{
		ID: finding.ID(ruleID, subjects, a.event), Kind: finding.Anomaly, Rule: ruleID, Title: "The gateway as a whole sees unusually many " + s.words, Level: s.level,
		First: start, Last: start.Add(bin * time.Second), Subjects: subjects, Count: int(w.counts[i]),
		Explain: fmt.Sprintf("%.0f times the %s of this time of the day", factor, s.words), Score: math.Round(min(100, 10*deviations)),
	})
}
