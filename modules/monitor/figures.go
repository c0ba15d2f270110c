package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/monitor/figure"
)

// Figures says what is kept of figures.
type Figures struct {
	// Keeps none.
	Off bool `json:"off,omitempty"`

	// How long days are kept. Default: 9600h (400 days).
	Keep caddy.Duration `json:"keep,omitempty"`
}

func (f *Figures) check() error {
	if f == nil || f.Keep == 0 {
		return nil
	}
	if keep := time.Duration(f.Keep); keep < 24*time.Hour || keep > 10*365*24*time.Hour {
		return fmt.Errorf("figures: keep %s: it is 1d to 3650d", keep)
	}
	return nil
}

const (
	keepEvery  = time.Minute      // how often what was counted is kept: what a kill takes away at most
	keepTime   = 20 * time.Second // of one try
	pruneEvery = time.Hour
)

// tallies are what counts a data folder's events, whichever configuration is in force.
var tallies = caddy.NewUsagePool()

// tally counts events, and keeps what it counted in the database of the configuration in force.
type tally struct {
	counter *figure.Counter
	detach  func()
	ends    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // held while figures are kept
	owner  *App       // the configuration in force; nil: none yet, or it has ended
	kept   time.Time
	pruned time.Time
}

// openFigures begins to count.
func (a *App) openFigures(ctx caddy.Context) error {
	if err := a.Figures.check(); err != nil {
		return err
	}
	if a.Figures != nil && a.Figures.Off {
		return nil
	}
	g := a.ground
	v, _, err := tallies.LoadOrNew(g.DataDir, func() (caddy.Destructor, error) { return beginTally(g) })
	if err != nil {
		return err
	}
	t := v.(*tally)
	keep := time.Duration(0)
	if a.Figures != nil {
		keep = time.Duration(a.Figures.Keep)
	}
	a.tally, a.figures, a.reports = t, figure.NewStore(g.DB, g.Node, keep, time.Now), new(reports)
	a.give = append(a.give, func() error {
		t.leave(a)
		_, err := tallies.Delete(g.DataDir)
		return err
	})
	a.begin = append(a.begin, func() { t.use(a) })
	g.Views.Add(a.figuresView())
	return registerFigures(ctx.GetMetricsRegistry())
}

func beginTally(g *ground.Ground) (*tally, error) {
	counter, err := figure.NewCounter(time.Now, func() int64 { lost, _ := g.Events.Dropped(); return lost })
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the configuration that opened it: Destruct ends it
	t := &tally{counter: counter, ends: cancel}
	t.running.Go(func() { t.run(ctx) })
	t.detach = g.Events.Attach(counter)
	return t, nil
}

// Destruct implements caddy.Destructor.
func (t *tally) Destruct() error {
	t.detach()
	t.ends()
	t.running.Wait()
	return nil
}

func (t *tally) use(a *App) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owner = a
}

// leave keeps what was counted until now, unless another configuration has taken over.
func (t *tally) leave(a *App) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner != a {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime) // whoever stops the process does not wait for a database that is away
	defer cancel()
	t.keep(ctx)
	t.owner = nil
}

func (t *tally) run(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.flush(ctx, 0)
			t.measure(ctx)
		}
	}
}

// flush keeps what was counted, unless that was done just now.
func (t *tally) flush(ctx context.Context, unlessWithin time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner != nil && time.Since(t.kept) >= unlessWithin {
		t.keep(ctx)
	}
}

// keep writes what was counted. What can't be written now is written later. It needs mu, and an owner.
func (t *tally) keep(ctx context.Context) {
	a := t.owner
	taken, err := t.counter.Take()
	if err == nil {
		if err = a.figures.Add(ctx, taken); err != nil {
			t.counter.Return(taken)
		}
	}
	if err == nil && time.Since(t.pruned) > pruneEvery {
		err = a.figures.Prune(ctx)
		t.pruned = time.Now()
	}
	if err != nil {
		figuresFailed.Inc()
		if ctx.Err() == nil {
			a.logger.Error("keeping figures", zap.Error(err), zap.Int64("forgotten", t.counter.Forgot()))
		}
		return
	}
	t.kept = time.Now()
}
