package monitor

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/trial"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// Journal says how many events are kept for questions, in the folder "journal" of the data folder.
type Journal struct {
	// Keeps none: views of events are not there.
	Off bool `json:"off,omitempty"`

	// How long an event is kept: 1h to 366d. Default: 168h (7 days).
	Keep caddy.Duration `json:"keep,omitempty"`

	// How many are kept at most, 32,768 to 20,000,000: the oldest go first. Default: 1,000,000.
	MaxEvents int `json:"max_events,omitempty"`

	// How many bytes of disk they may take, at least 16 MiB. Default: 1 GiB.
	MaxSize int64 `json:"max_size,omitempty"`
}

// settings are nil where no journal is kept.
func (c *Journal) settings() (*journal.Settings, error) {
	s := new(journal.Settings)
	if c != nil {
		if c.Off {
			return nil, nil
		}
		*s = journal.Settings{Keep: time.Duration(c.Keep), MaxEvents: c.MaxEvents, MaxSize: c.MaxSize}
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return s, nil
}

// journals are those of the data folders: what is kept outlives a reload.
var journals = caddy.NewUsagePool()

// keptJournal is one of the pool.
type keptJournal struct {
	*journal.Journal
	bus    *event.Bus
	detach func()
	ends   context.CancelFunc
	done   chan struct{}
	failed atomic.Pointer[time.Time] // when an error was logged last
}

// Destruct implements caddy.Destructor.
func (k *keptJournal) Destruct() error {
	k.detach()
	k.ends()
	<-k.done
	return k.Close()
}

// openJournal has events kept for questions, as the configuration says.
func (a *App) openJournal(ctx caddy.Context) error {
	settings, err := a.Journal.settings()
	if err != nil || settings == nil {
		return err
	}
	if trial.On() { // opened, it would take over what a running gateway has not written as segments yet, and remove what this configuration keeps no longer
		return journal.Check(journalIn(a.ground.DataDir))
	}
	key := a.ground.DataDir
	v, _, err := journals.LoadOrNew(key, func() (caddy.Destructor, error) { return keepJournal(a.ground, *settings) })
	if err != nil {
		return err
	}
	k := v.(*keptJournal)
	a.journal = k.Journal
	a.give = append(a.give, func() error {
		_, err := journals.Delete(key)
		return err
	})
	a.begin = append(a.begin, func() { k.Configure(*settings) }) // it outlives each configuration: the one in force decides
	if err := metrics.Register(ctx.GetMetricsRegistry(), journalMetrics{k.Journal}); err != nil {
		return err
	}
	a.ground.Views.Add(a.eventsView(), a.overviewView(), a.clientsView(), a.rulesView())
	return nil
}

func journalIn(dataDir string) string { return filepath.Join(dataDir, "journal") }

func keepJournal(g *ground.Ground, s journal.Settings) (*keptJournal, error) {
	logger := caddy.Log().Named("gw_monitor.journal") // of no configuration
	ctx, cancel := context.WithCancel(context.Background())
	k := &keptJournal{bus: g.Events, ends: cancel, done: make(chan struct{})}
	var err error
	k.Journal, err = journal.Open(journal.Options{
		Dir: journalIn(g.DataDir), Ring: g.Keys, Sealer: g.Events.Sealer, Settings: s,
		Error: func(err error) { k.sayFailed(logger, err) },
	})
	if err != nil {
		cancel()
		return nil, err
	}
	k.detach = g.Events.Attach(k.Journal)
	go k.sayDropped(ctx)
	return k, nil
}

// sayFailed logs what goes wrong, once in ten seconds: a full disk says the same for each event.
func (k *keptJournal) sayFailed(logger *zap.Logger, err error) {
	now := time.Now()
	if last := k.failed.Load(); last != nil && now.Sub(*last) < 10*time.Second {
		return
	}
	k.failed.Store(&now)
	logger.Error("keeping events for questions", zap.Error(err))
}

// sayDropped tells of events that the journal does not have, once a minute while there are more.
func (k *keptJournal) sayDropped(ctx context.Context) {
	defer close(k.done)
	tick := time.NewTicker(sayEvery)
	defer tick.Stop()
	for said := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := k.Stats()
		if n := s.Dropped + s.Lost; n > said {
			k.bus.Emit(&event.Event{
				Category: "process", Action: "journal-behind", Outcome: event.Failure, Reason: "events are left out of what can be asked for",
				Fields: []zap.Field{zap.Int64("gateway.journal.missing", n-said)},
			})
			said = n
		}
	}
}

// EventJournal is what was kept of events; nil where none are kept. Other apps ask for it by this method.
func (a *App) EventJournal() *journal.Journal { return a.journal }

// journalMetrics tell how the journal is.
type journalMetrics struct{ journal *journal.Journal }

var (
	journalEvents  = prometheus.NewDesc("gateway_journal_events", "Events that are kept for questions.", nil, nil)
	journalBytes   = prometheus.NewDesc("gateway_journal_bytes", "Bytes that they take on the disk.", nil, nil)
	journalMissing = prometheus.NewDesc("gateway_journal_missing_total", "Events that are not kept for questions since the start, by why: queue (they came too fast), disk.", []string{"cause"}, nil)
)

// Describe implements prometheus.Collector.
func (journalMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- journalEvents
	ch <- journalBytes
	ch <- journalMissing
}

// Collect implements prometheus.Collector.
func (m journalMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.journal.Stats()
	ch <- prometheus.MustNewConstMetric(journalEvents, prometheus.GaugeValue, float64(s.Events))
	ch <- prometheus.MustNewConstMetric(journalBytes, prometheus.GaugeValue, float64(s.Bytes))
	ch <- prometheus.MustNewConstMetric(journalMissing, prometheus.CounterValue, float64(s.Dropped), "queue")
	ch <- prometheus.MustNewConstMetric(journalMissing, prometheus.CounterValue, float64(s.Lost), "disk")
}
