package grant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Limits of a store. Zero values are the defaults.
type Limits struct {
	Memory     int // bytes of what is remembered
	PerObject  int // relations to one object
	PerSubject int // relations of one person, or of everyone; what is in a parent is not counted
}

// The defaults. A million relations fit into the memory.
const (
	DefaultMemory     = 64 << 20
	DefaultPerObject  = 100_000
	DefaultPerSubject = 1_000_000
)

func (l Limits) orDefaults() Limits {
	return Limits{cmp.Or(l.Memory, DefaultMemory), cmp.Or(l.PerObject, DefaultPerObject), cmp.Or(l.PerSubject, DefaultPerSubject)}
}

// ErrFull says that there are as many grants as there may be.
var ErrFull = errors.New("too many grants")

// FullError tells of what there are too many. It is ErrFull.
type FullError struct {
	Object string // the object that has too many, "" where it is a subject
	Limit  int
}

func (e *FullError) Error() string {
	if e.Object != "" {
		return fmt.Sprintf("%v: %s has the %d that an object may have", ErrFull, e.Object, e.Limit)
	}
	return fmt.Sprintf("%v: the subject has the %d that one may have", ErrFull, e.Limit)
}

func (e *FullError) Unwrap() error { return ErrFull }

const (
	countAlways = 256  // up to so many relations are counted at each addition: it costs little
	maxLeave    = 1024 // additions without a count, at most
	maxLeaves   = 4096 // objects and subjects that have some left
)

// budget has large objects and subjects counted now and then, not at each addition: a count tells how many additions need none, an eighth of
// what is left. So with many processes a limit may be passed by a little.
type budget struct {
	mu   sync.Mutex
	left map[string]int
}

// spend tells whether one addition needs no count.
func (b *budget) spend(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.left[name]
	if n > 1 {
		b.left[name] = n - 1
	} else {
		delete(b.left, name)
	}
	return n > 0
}

// counted notes that there are n of at most limit.
func (b *budget) counted(name string, n, limit int) {
	leave := min((limit-n)/8, maxLeave)
	if n < countAlways || leave <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == nil || len(b.left) >= maxLeaves {
		b.left = map[string]int{}
	}
	b.left[name] = leave
}

// checkLimits refuses an addition that has just been made, where there are now too many.
func (s *Store) checkLimits(ctx context.Context, tx *database.Tx, g Grant) error {
	err := s.checkLimit(ctx, tx, "object", g.Object, s.limits.PerObject)
	if err == nil && g.Relation != Parent {
		err = s.checkLimit(ctx, tx, "subject", g.Subject, s.limits.PerSubject)
	}
	return err
}

func (s *Store) checkLimit(ctx context.Context, tx *database.Tx, column, value string, limit int) error {
	name := column + " " + value
	if s.budget.spend(name) {
		return nil
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM grants WHERE `+column+` = ? LIMIT ?) AS counted`, value, limit+1).Scan(&n); err != nil {
		return fmt.Errorf("counting grants: %w", err)
	}
	if n > limit {
		refused.Inc()
		full := &FullError{Limit: limit}
		if column == "object" {
			full.Object = value
		}
		return full
	}
	s.budget.counted(name, n, limit)
	return nil
}
