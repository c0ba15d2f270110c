package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// sums are what the rows of each table come to, in whatever order they are read: how many there are, and the sum of their digests.
type sums map[string]*sum

type sum struct {
	rows int64
	of   [4]uint64 // of SHA-256 digests, as four numbers that wrap around: it tells damage, not a forger, whom the file's own encryption keeps out
	b    []byte    // of a row, used again
}

func (s sums) add(t database.Table, values []any) error {
	one := s[t.Name]
	if one == nil {
		one = new(sum)
		s[t.Name] = one
	}
	one.b = one.b[:0]
	for i, v := range values {
		var err error
		if one.b, err = appendValue(one.b, t.Columns[i].Kind, v); err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name, t.Columns[i].Name, err)
		}
	}
	d := sha256.Sum256(one.b)
	for i := range one.of {
		one.of[i] += binary.BigEndian.Uint64(d[i*8:])
	}
	one.rows++
	return nil
}

// errDiffers is what a database gives that does not hold what was put into it.
var errDiffers = errors.New("the rebuilt database does not hold what the backup does: its disk or memory is at fault")

// compare reads the tables of a rebuilt database again.
func (s sums) compare(ctx context.Context, db *database.DB, tables []database.Table) error {
	is := sums{}
	for _, t := range tables {
		if err := is.read(ctx, db, t); err != nil {
			return fmt.Errorf("reading table %s again: %w", t.Name, err)
		}
		if !same(s[t.Name], is[t.Name]) {
			return fmt.Errorf("%w (table %s)", errDiffers, t.Name)
		}
	}
	return nil
}

// same compares what two tables come to; one without rows has no sum.
func same(a, b *sum) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.rows == b.rows && a.of == b.of
}

func (s sums) read(ctx context.Context, db *database.DB, t database.Table) error {
	return eachRow(ctx, db, t, func(values []any) error { return s.add(t, values) })
}
