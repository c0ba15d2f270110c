package alert

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Events takes what happens: *event.Bus.
type Events interface{ Emit(e *event.Event) }

// Resources are what a desk works with.
type Resources struct {
	DB     *database.DB
	Events Events
	Book   Book
	Log    *zap.Logger
	Now    func() time.Time
}

// Desk tells people of incidents as one configuration has it.
type Desk struct {
	Resources
	config Config

	wake    chan struct{}
	mu      sync.Mutex
	cancel  context.CancelFunc
	running sync.WaitGroup
	asked   time.Time // when it last looked for incidents that were closed; Work's
}

// New makes a desk. It sends nothing before Start.
func New(r Resources, c Config) (*Desk, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.defaults()
	return &Desk{Resources: r, config: c, wake: make(chan struct{}, 1)}, nil
}

// look is how often the desk looks for what is due, beside being told.
const look = 5 * time.Second

// Start begins to send what is due.
func (d *Desk) Start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		return
	}
	begin(d.config.Channels)                                // rather than in New: a configuration that is refused has none
	ctx, cancel := context.WithCancel(context.Background()) // ends with Close
	d.cancel = cancel
	d.running.Go(func() {
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			if err := d.Work(ctx); err != nil && ctx.Err() == nil {
				d.Log.Error("alerts wait: the database can't be asked", zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-d.wake:
			}
		}
	})
}

// Close ends what Start began. What was not sent is sent by another gateway, or by the next one.
func (d *Desk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
		d.running.Wait()
		d.cancel = nil
	}
	for _, ch := range d.config.Channels {
		if err := ch.To.Close(); err != nil {
			d.Log.Warn("closing an alert's channel", zap.String("channel", ch.Name), zap.Error(err))
		}
	}
	return nil
}

// Tell takes note of an incident that was opened, became worse, or was closed. A channel is told once of each.
func (d *Desk) Tell(ctx context.Context, i Incident) error {
	i.Subjects = i.Subjects[:min(len(i.Subjects), mostSubjects)]
	if i.Closed && !d.config.Closed {
		return nil
	}
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		for _, ch := range d.config.Channels {
			if ch.Later || i.Level < ch.Level {
				continue
			}
			if fresh, err := d.told(ctx, tx, ch.Name, &i); err != nil || !fresh {
				if err != nil {
					return err
				}
				continue
			}
			if err := d.queue(ctx, tx, ch, &i); err != nil {
				return err
			}
		}
		if i.Closed || len(d.config.Escalate) == 0 || !d.anyTakes(i.Level) {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO alert_escalations (incident, step, due) VALUES (?, 1, ?) ON CONFLICT (incident) DO NOTHING`,
			i.ID, database.Micros(d.Now().Add(d.config.Escalate[0].After)))
		return err
	})
	if err != nil {
		return fmt.Errorf("queueing an alert: %w", err)
	}
	d.poke()
	return nil
}

// anyTakes tells whether somebody is told of that level at once: only then is there something to escalate.
func (d *Desk) anyTakes(level finding.Level) bool {
	return slices.ContainsFunc(d.config.Channels, func(ch Channel) bool { return !ch.Later && level >= ch.Level })
}

func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default: // it will look
	}
}

// told notes that a channel is told of the incident. It is not fresh where it was told of it before, unless it is worse now, or closed.
func (d *Desk) told(ctx context.Context, tx *database.Tx, channel string, i *Incident) (fresh bool, err error) {
	now := database.Micros(d.Now())
	q := `INSERT INTO alerts_told (incident, channel, level, state, at) VALUES (?, ?, ?, 'open', ?)
		ON CONFLICT (incident, channel) DO UPDATE SET level = excluded.level, at = excluded.at WHERE alerts_told.level < excluded.level AND alerts_told.state = 'open'`
	args := []any{i.ID, channel, int64(i.Level), now}
	if i.Closed { // only who was told that it began is told that it is over
		q, args = `UPDATE alerts_told SET state = 'closed', at = ? WHERE incident = ? AND channel = ? AND state = 'open'`, []any{now, i.ID, channel}
	}
	r, err := tx.Exec(ctx, q, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}
