package quarantine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// orphan is how old a file without a row must be to be taken for left over: one that is being written has none yet.
const orphan = time.Hour

// Sweep deletes what has expired, and the files that no row knows.
func (b *Book) Sweep(ctx context.Context) error {
	now := b.o.Now()
	if _, err := b.o.DB.Exec(ctx, `DELETE FROM quarantine WHERE expires <= ?`, database.Micros(now)); err != nil {
		return fmt.Errorf("sweeping the quarantine: %w", err)
	}
	known, err := b.own(ctx)
	if err != nil {
		return fmt.Errorf("sweeping the quarantine: %w", err)
	}
	files, err := os.ReadDir(b.o.Dir)
	if err != nil {
		return fmt.Errorf("sweeping the quarantine: %w", err)
	}
	var failed error
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name(), suffix)
		if !ok || known[id] {
			continue
		}
		if info, err := f.Info(); err != nil || now.Sub(info.ModTime()) < orphan {
			continue
		}
		if err := os.Remove(filepath.Join(b.o.Dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// own are the items whose files are here.
func (b *Book) own(ctx context.Context) (map[string]bool, error) {
	rows, err := b.o.DB.Query(ctx, `SELECT id FROM quarantine WHERE node = ?`, b.node)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		known[id] = true
	}
	return known, rows.Err()
}

// Run sweeps every so often until ctx ends.
func (b *Book) Run(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := b.Sweep(ctx); err != nil && ctx.Err() == nil {
			b.o.Error(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
