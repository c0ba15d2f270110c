package ban

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Add bans. It holds here at once, nearly, and in the fleet within a second. Machines only ever lengthen a ban, and never change what an operator said; an
// operator's word takes the place of everything. Errors: ErrMalformed, ErrExempt, ErrBroad, ErrFull, and those of the database.
func (l *List) Add(ctx context.Context, b Ban) error { return l.put(ctx, b, false) }

// Force is Add also for a prefix that is shorter than others may be, or holds a trusted proxy or this machine. These are not banned by it.
func (l *List) Force(ctx context.Context, b Ban) error { return l.put(ctx, b, true) }

func (l *List) put(ctx context.Context, ban Ban, force bool) error {
	if err := l.Admit(ban, force); err != nil {
		return err
	}
	if l.Size() >= l.options.Most {
		return fmt.Errorf("%w: %d", ErrFull, l.options.Most)
	}
	b := l.book
	now := b.now()
	if ban.Created.IsZero() {
		ban.Created = now
	}
	times := 0
	err := b.db.InTx(ctx, func(tx *database.Tx) error {
		// First, since it makes writers take turns: two gateways that ban one client at once count it once.
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: ban.Prefix.String()}); err != nil {
			return err
		}
		var err error
		times, err = l.write(ctx, tx, ban, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("adding a ban: %w", err)
	}
	b.feed.Wake()
	if times > 0 {
		b.tellAdded(ban, times)
	}
	return nil
}

// write writes the ban into the tables and tells how often the prefix was banned by now; 0 where what is there stands above it.
func (l *List) write(ctx context.Context, tx *database.Tx, ban Ban, now time.Time) (times int, err error) {
	prefix, expires := ban.Prefix.String(), database.Micros(ban.Expires)
	var source string
	var until int64
	err = tx.QueryRow(ctx, `SELECT source, expires FROM bans WHERE prefix = ?`, prefix).Scan(&source, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	inForce := err == nil && entry{expires: until}.in(now.UnixMicro())
	if inForce && ban.Source != Operator && (source == Operator || !longer(expires, until)) {
		return 0, nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO bans (prefix, reason, source, created, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (prefix) DO UPDATE SET reason = excluded.reason, source = excluded.source, created = excluded.created, expires = excluded.expires`,
		prefix, ban.Reason, ban.Source, database.Micros(ban.Created), expires); err != nil {
		return 0, err
	}
	return l.count(ctx, tx, ban, inForce, now)
}

// count counts the ban in the history. One that makes another longer is no second offence.
func (l *List) count(ctx context.Context, tx *database.Tx, ban Ban, longer bool, now time.Time) (times int, err error) {
	prefix := ban.Prefix.String()
	if _, err := tx.Exec(ctx, `DELETE FROM ban_history WHERE prefix = ? AND until <> 0 AND until <= ?`, prefix, database.Micros(now)); err != nil {
		return 0, err
	}
	again := 1
	if longer {
		again = 0
	}
	forget := int64(0)
	if !ban.Expires.IsZero() {
		forget = database.Micros(ban.Expires.Add(l.options.Remember))
	}
	if _, err := tx.Exec(ctx, `INSERT INTO ban_history (prefix, times, until) VALUES (?, 1, ?)
		ON CONFLICT (prefix) DO UPDATE SET times = ban_history.times + ?, until = excluded.until`, prefix, forget, again); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `SELECT times FROM ban_history WHERE prefix = ?`, prefix).Scan(&times)
	return times, err
}

// longer tells whether a ban that ends at a ends after one that ends at b; 0 is never.
func longer(a, b int64) bool { return b != 0 && (a == 0 || a > b) }

// ErrNone is returned where there is no such ban.
var ErrNone = errors.New("there is no such ban")

// Remove lifts the ban of exactly that prefix. That it was ever banned is forgotten too: who lifts a ban says that it was wrong. Errors: ErrNone.
func (l *List) Remove(ctx context.Context, prefix netip.Prefix) error {
	return l.remove(ctx, prefix, "")
}

// Withdraw is Remove by a machine that thinks better of it: only where that source's ban is the one in force. Errors: ErrNone.
func (l *List) Withdraw(ctx context.Context, prefix netip.Prefix, source string) error {
	return l.remove(ctx, prefix, source)
}

// remove lifts a ban, of whatever source where that is "".
func (l *List) remove(ctx context.Context, prefix netip.Prefix, source string) error {
	b := l.book
	now := b.now()
	err := b.db.InTx(ctx, func(tx *database.Tx) error {
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: prefix.String()}); err != nil {
			return err
		}
		result, err := tx.Exec(ctx, `DELETE FROM bans WHERE prefix = ? AND (expires = 0 OR expires > ?) AND (? = '' OR source = ?)`,
			prefix.String(), database.Micros(now), source, source)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return fmt.Errorf("%s: %w", prefix, ErrNone)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM ban_history WHERE prefix = ?`, prefix.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("lifting a ban: %w", err)
	}
	b.feed.Wake()
	b.emit("ban-removed", event.Success, "a ban was lifted", prefix, cmp.Or(source, Operator))
	return nil
}
