package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

// Backup is how the gateway backs itself up.
type Backup struct {
	// The folder that backups are written to; best on another disk, and shared by the gateways of a fleet. Required.
	Folder string `json:"folder,omitempty"`

	// How often, from 1h to 31d. Default: 24h.
	Every caddy.Duration `json:"every,omitempty"`

	// Which stay. Default: the last 7, and the newest of each of 7 days and of 4 weeks.
	Keep *BackupKeep `json:"keep,omitempty"`

	// The key file that they are encrypted with, as `convosphere backup --new-key` makes it; or a file with a passphrase. One of both.
	KeyFile        string `json:"key_file,omitempty"`
	PassphraseFile string `json:"passphrase_file,omitempty"`

	// Leaves the key ring out: a backup is then worth nothing without the same keys.
	WithoutKeys bool `json:"without_keys,omitempty"`
}

// BackupKeep counts what stays.
type BackupKeep struct {
	Last   int `json:"last,omitempty"` // at least 1
	Daily  int `json:"daily,omitempty"`
	Weekly int `json:"weekly,omitempty"`
}

const (
	defaultBackup = 24 * time.Hour
	leastBackup   = time.Hour
	mostBackup    = 31 * 24 * time.Hour
	mostKept      = 1000
)

func (b *Backup) keep() backup.Keep {
	if b.Keep == nil {
		return backup.Keep{Last: 7, Daily: 7, Weekly: 4}
	}
	return backup.Keep(*b.Keep)
}

func (b *Backup) every() time.Duration {
	return time.Duration(cmp.Or(b.Every, caddy.Duration(defaultBackup)))
}

// fill fills in placeholders, and makes paths absolute.
func (b *Backup) fill() error {
	repl := caddy.NewReplacer()
	for option, s := range map[string]*string{"folder": &b.Folder, "key_file": &b.KeyFile, "passphrase_file": &b.PassphraseFile} {
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		if *s = strings.TrimSpace(v); *s == "" {
			continue
		}
		if *s, err = filepath.Abs(*s); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
	}
	return nil
}

// check sees that what is given makes sense together.
func (b *Backup) check() error {
	if k := b.keep(); k.Last < 1 || k.Daily < 0 || k.Weekly < 0 || k.Last > mostKept || k.Daily > mostKept || k.Weekly > mostKept {
		return fmt.Errorf("keep: last is at least 1, and none is more than %d", mostKept)
	}
	switch every := b.every(); {
	case b.Folder == "":
		return errors.New("folder: name the folder that backups are written to")
	case every < leastBackup || every > mostBackup:
		return fmt.Errorf("every: it must be from %s to %s", leastBackup, mostBackup)
	case (b.KeyFile == "") == (b.PassphraseFile == ""):
		return errors.New("name a key_file, which `convosphere backup --new-key FILE` makes, or a passphrase_file")
	}
	if within(b.Folder, cmp.Or(b.KeyFile, b.PassphraseFile)) {
		return errors.New("the key or passphrase lies in the folder of the backups: whoever has one would have both")
	}
	return nil
}

// within tells whether a path lies in a folder, by its name.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (b *Backup) secret() (backup.Secret, error) {
	if b.KeyFile != "" {
		return backup.KeyFile(b.KeyFile)
	}
	return backup.PassphraseFile(b.PassphraseFile)
}

// provisionBackups makes the schedule; Start has it run.
func (a *App) provisionBackups() error {
	b := a.Backup
	if b == nil {
		return nil
	}
	if err := b.fill(); err != nil {
		return fmt.Errorf("gateway: backup: %w", err)
	}
	if err := b.check(); err != nil {
		return fmt.Errorf("gateway: backup: %w", err)
	}
	if _, err := b.secret(); err != nil { // now rather than in the night when it is needed
		return fmt.Errorf("gateway: backup: %w", err)
	}
	if within(a.DataDir, b.Folder) {
		a.logger.Warn("backups are written below the data folder: what takes the one takes the other", zap.String("folder", b.Folder))
	}
	place, err := a.place()
	if err != nil {
		return fmt.Errorf("gateway: backup: %w", err)
	}
	a.backups = backup.NewSchedule(backup.Plan{
		Folder: b.Folder, Every: b.every(), Keep: b.keep(), Secret: b.secret, From: place, Scratch: a.DataDir, Node: a.Node,
		Options: backup.Options{WithoutKeys: b.WithoutKeys, Gateway: build.Version(), Now: time.Now},
	}, a.ground.DB, a.tellBackup)
	return nil
}

// place is where what is durable lies.
func (a *App) place() (backup.Place, error) {
	db, err := database.Parse(a.Database, a.DataDir)
	return backup.Place{Database: db, Keys: a.Keys}, err
}

// startBackups has the schedule run until stop, which waits for the end of what it does: a backup that is being made is given up, and due again.
func (a *App) startBackups() (stop func()) {
	if a.backups == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background()) // until Stop
	var running sync.WaitGroup
	running.Go(func() { a.backups.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

var backupsMade = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "gateway_backups_total", Help: "Backups that this gateway made by itself and verified, or failed to make.",
}, []string{"outcome"})

func init() { metrics.Begin(backupsMade, event.Success, event.Failure) }

// tellBackup records what became of a backup. Paths and the words of errors are in the log alone.
func (a *App) tellBackup(m backup.Made, err error) {
	e := &event.Event{Category: "configuration", Action: "backup-made", Outcome: event.Success, Fields: []zap.Field{
		zap.String("gateway.backup.file", m.File), zap.Int64("gateway.backup.size", m.Size), zap.Int64("gateway.backup.rows", m.Rows),
		zap.Float64("gateway.backup.seconds", m.Ended.Sub(m.Began).Seconds()),
	}}
	if m.Warning != "" {
		a.logger.Warn("the backup is good, but what it is of is not", zap.String("why", m.Warning))
	}
	if err != nil {
		e.Outcome, e.Reason = event.Failure, m.Reason
		a.logger.Error("the backup failed", zap.Error(err))
	}
	backupsMade.WithLabelValues(e.Outcome).Inc()
	a.ground.Events.Emit(e)
}

// backupCollector tells when the last good backup was made; nothing where none is scheduled.
type backupCollector struct{ s *backup.Schedule }

var (
	lastBackup  = prometheus.NewDesc("gateway_backup_last_success_timestamp_seconds", "When the last backup that was made and verified began, of the fleet; 0: there was none. Absent where no backups are configured.", nil, nil)
	backupEvery = prometheus.NewDesc("gateway_backup_interval_seconds", "How often a backup is to be made. Absent where no backups are configured.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c backupCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- lastBackup
	ch <- backupEvery
}

// Collect implements prometheus.Collector.
func (c backupCollector) Collect(ch chan<- prometheus.Metric) {
	if c.s == nil {
		return
	}
	at := 0.0
	if good := c.s.Status().Good; !good.IsZero() {
		at = float64(good.Unix())
	}
	ch <- prometheus.MustNewConstMetric(lastBackup, prometheus.GaugeValue, at)
	ch <- prometheus.MustNewConstMetric(backupEvery, prometheus.GaugeValue, c.s.Every().Seconds())
}
