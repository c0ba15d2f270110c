package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Letter is a mail before it is written. It rests sealed: it may hold an address, or the secret of a link.
type Letter struct {
	Kind    string            `json:"-"`
	Account string            `json:"-"`           // whose; "" of nobody
	To      string            `json:"t,omitempty"` // "" the account's address when it is sent
	Locale  string            `json:"l,omitempty"`
	Name    string            `json:"n,omitempty"` // user name
	Link    string            `json:"u,omitempty"`
	When    time.Time         `json:"w"`
	Until   time.Time         `json:"x"`
	D       map[string]string `json:"d,omitempty"`
}

// ErrFull refuses a mail that anybody could ask for while too many wait.
var ErrFull = errors.New("too many mails wait to be sent")

// maxWaiting bounds what strangers can make wait; what people are told of their own accounts comes beside it.
const maxWaiting = 10_000

// Box is the outbox in the database. It is safe for use by many, also by several processes.
type Box struct {
	DB   *database.DB
	Keys *keyring.Ring
}

func letterPlace(id string) string { return store.Key("outbox", "letter", id) }

// Put queues a letter in tx; it is given up after life.
func (b *Box) Put(ctx context.Context, tx *database.Tx, now time.Time, l Letter, life time.Duration) error {
	id := rand.Text()
	raw, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("queueing a mail: %w", err)
	}
	sealed, err := b.Keys.Seal(raw, letterPlace(id))
	if err != nil {
		return fmt.Errorf("queueing a mail: %w", err)
	}
	us := database.Micros(now)
	_, err = tx.Exec(ctx, `INSERT INTO outbox (id, kind, account, letter, created_at, next_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		id, l.Kind, l.Account, sealed, us, us, database.Micros(now.Add(life)))
	if err != nil {
		return fmt.Errorf("queueing a mail: %w", err)
	}
	return nil
}

// Room tells whether a mail that anybody can ask for may be queued. Errors: ErrFull.
func (b *Box) Room(ctx context.Context, tx *database.Tx) error {
	n, err := b.waiting(ctx, tx)
	if err == nil && n >= maxWaiting {
		err = ErrFull
	}
	return err
}

func (b *Box) waiting(ctx context.Context, tx *database.Tx) (n int64, err error) {
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM outbox`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting mails: %w", err)
	}
	return n, nil
}

// Drop takes back what waits for an account.
func (b *Box) Drop(ctx context.Context, tx *database.Tx, account string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM outbox WHERE account = ?`, account); err != nil {
		return fmt.Errorf("taking mails back: %w", err)
	}
	return nil
}

// queued is a row of the outbox that this process has claimed.
type queued struct {
	id      string
	letter  Letter
	tries   int64
	expires time.Time
}

// lease is how long a claim keeps others off: longer than a try takes.
const lease = 2 * time.Minute

// claim takes up to n letters that are due. Of several gateways one gets each. A letter that can't be opened is not returned; it
// waits for the key ring it was sealed with, until it expires.
func (b *Box) claim(ctx context.Context, now time.Time, n int) ([]queued, error) {
	due, err := b.due(ctx, now, n)
	if err != nil {
		return nil, err
	}
	var mine []queued
	for _, d := range due {
		r, err := b.DB.Exec(ctx, `UPDATE outbox SET next_at = ?, tries = tries + 1 WHERE id = ? AND tries = ? AND next_at <= ?`,
			database.Micros(now.Add(lease)), d.id, d.tries, database.Micros(now))
		if err != nil {
			return mine, fmt.Errorf("claiming a mail: %w", err)
		}
		if got, err := r.RowsAffected(); err != nil || got == 0 {
			continue // another gateway has it
		}
		d.tries++
		mine = append(mine, d)
	}
	return mine, nil
}

func (b *Box) due(ctx context.Context, now time.Time, n int) (due []queued, err error) {
	us := database.Micros(now)
	rows, err := b.DB.Query(ctx, `SELECT id, kind, account, letter, tries, expires_at FROM outbox WHERE next_at <= ? AND expires_at > ? ORDER BY next_at LIMIT ?`, us, us, n)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var q queued
		var kind, account string
		var sealed []byte
		var expires int64
		if err := rows.Scan(&q.id, &kind, &account, &sealed, &q.tries, &expires); err != nil {
			return nil, fmt.Errorf("reading the outbox: %w", err)
		}
		raw, err := b.Keys.Unseal(sealed, letterPlace(q.id))
		if err == nil {
			err = json.Unmarshal(raw, &q.letter)
		}
		q.letter.Kind, q.letter.Account, q.expires = kind, account, database.Time(expires)
		if err != nil {
			q.letter.Kind = "" // claimed all the same, so that it is not read again at once
		}
		due = append(due, q)
	}
	return due, rows.Err()
}

// again puts a claimed letter back, to be tried then.
func (b *Box) again(ctx context.Context, q queued, at time.Time) error {
	if _, err := b.DB.Exec(ctx, `UPDATE outbox SET next_at = ? WHERE id = ?`, database.Micros(at), q.id); err != nil {
		return fmt.Errorf("putting a mail back: %w", err)
	}
	return nil
}

func (b *Box) done(ctx context.Context, q queued) error {
	if _, err := b.DB.Exec(ctx, `DELETE FROM outbox WHERE id = ?`, q.id); err != nil {
		return fmt.Errorf("taking a mail out of the outbox: %w", err)
	}
	return nil
}

// expire deletes what was not sent in time, and counts it.
func (b *Box) expire(ctx context.Context, now time.Time) (int64, error) {
	r, err := b.DB.Exec(ctx, `DELETE FROM outbox WHERE expires_at <= ?`, database.Micros(now))
	if err != nil {
		return 0, fmt.Errorf("giving mails up: %w", err)
	}
	return r.RowsAffected()
}
