package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Kinds of tickets.
const (
	TicketRegister = "register" // opens an account
	TicketEmail    = "email"    // proves a new address
	TicketReset    = "reset"    // sets a new password
	TicketInvite   = "invite"   // lets somebody register
)

// ErrTicket is a ticket that is unknown, spent, expired or void.
var ErrTicket = errors.New("the link is not valid any more")

// maxTicketTries bounds how often a ticket may be shown: it can be used to try passwords and names.
const maxTicketTries = 20

// Ticket is a secret that was mailed, or given to somebody to pass on: it works once. It rests hashed.
type Ticket struct {
	ID        string // no secret
	Kind      string
	Account   string // whose; of an invitation, who made it; "" of nobody
	Revision  int64  // of the account: a change of it voids the ticket
	CreatedAt time.Time
	ExpiresAt time.Time
	hash      string
	sealed    []byte
	store     *Store
}

func ticketPlace(hash string) string { return store.Key("tickets", "data", hash) }

// hashTicket needs no salt and no cost: what it hashes has 130 random bits.
func hashTicket(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewTicket stores a ticket and returns its secret, this once. data is sealed with it. Tickets that have expired are deleted.
func (s *Store) NewTicket(ctx context.Context, tx *database.Tx, now time.Time, t Ticket, data any, life time.Duration) (secret string, err error) {
	secret = rand.Text()
	hash := hashTicket(secret)
	raw, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("making a ticket: %w", err)
	}
	sealed, err := s.keys.Seal(raw, ticketPlace(hash))
	if err != nil {
		return "", fmt.Errorf("making a ticket: %w", err)
	}
	us := database.Micros(now)
	if _, err := tx.Exec(ctx, `DELETE FROM tickets WHERE expires_at <= ?`, us); err != nil {
		return "", fmt.Errorf("deleting expired tickets: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO tickets (hash, id, kind, account, revision, data, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		hash, rand.Text(), t.Kind, t.Account, t.Revision, sealed, us, database.Micros(now.Add(life)))
	if err != nil {
		return "", fmt.Errorf("storing a ticket: %w", err)
	}
	return secret, nil
}

const ticketColumns = `SELECT hash, id, kind, account, revision, data, created_at, expires_at FROM tickets `

func (s *Store) scanTicket(row interface{ Scan(...any) error }) (Ticket, error) {
	t := Ticket{store: s}
	var created, expires int64
	err := row.Scan(&t.hash, &t.ID, &t.Kind, &t.Account, &t.Revision, &t.sealed, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return t, ErrTicket
	}
	if err != nil {
		return t, fmt.Errorf("reading a ticket: %w", err)
	}
	t.CreatedAt, t.ExpiresAt = database.Time(created), database.Time(expires)
	return t, nil
}

// Ticket finds what a secret stands for, and counts the look: after twenty it is void. It is not spent by it. Errors: ErrTicket.
func (s *Store) Ticket(ctx context.Context, now time.Time, kind, secret string) (Ticket, error) {
	if len(secret) > 64 {
		return Ticket{}, ErrTicket
	}
	hash := hashTicket(secret)
	n, err := affected(s.db.Exec(ctx, `UPDATE tickets SET tries = tries + 1 WHERE hash = ? AND kind = ? AND expires_at > ? AND tries < ?`,
		hash, kind, database.Micros(now), maxTicketTries))
	if err != nil {
		return Ticket{}, fmt.Errorf("counting a look at a ticket: %w", err)
	}
	if n == 0 {
		return Ticket{}, ErrTicket
	}
	return s.scanTicket(s.db.QueryRow(ctx, ticketColumns+`WHERE hash = ?`, hash))
}

// Data reads what was sealed with the ticket.
func (t Ticket) Data(v any) error {
	raw, err := t.store.keys.Unseal(t.sealed, ticketPlace(t.hash))
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return fmt.Errorf("reading a ticket: %w", err)
	}
	return nil
}

// Spend uses the ticket up: of parallel callers one succeeds. Errors: ErrTicket.
func (t Ticket) Spend(ctx context.Context, tx *database.Tx, now time.Time) error {
	n, err := affected(tx.Exec(ctx, `DELETE FROM tickets WHERE hash = ? AND expires_at > ?`, t.hash, database.Micros(now)))
	if err != nil {
		return fmt.Errorf("spending a ticket: %w", err)
	}
	if n == 0 {
		return ErrTicket
	}
	return nil
}

// SpendByID uses up an invitation that another ticket led to. Errors: ErrTicket.
func (s *Store) SpendByID(ctx context.Context, tx *database.Tx, now time.Time, id string) error {
	n, err := affected(tx.Exec(ctx, `DELETE FROM tickets WHERE id = ? AND kind = ? AND expires_at > ?`, id, TicketInvite, database.Micros(now)))
	if err != nil {
		return fmt.Errorf("spending an invitation: %w", err)
	}
	if n == 0 {
		return ErrTicket
	}
	return nil
}

// TicketByID finds a ticket that has not expired. Errors: ErrTicket.
func (s *Store) TicketByID(ctx context.Context, now time.Time, kind, id string) (Ticket, error) {
	return s.scanTicket(s.db.QueryRow(ctx, ticketColumns+`WHERE id = ? AND kind = ? AND expires_at > ?`, id, kind, database.Micros(now)))
}

// Tickets lists the newest of a kind that have not expired.
func (s *Store) Tickets(ctx context.Context, now time.Time, kind string, limit int) (all []Ticket, err error) {
	rows, err := s.db.Query(ctx, ticketColumns+`WHERE kind = ? AND expires_at > ? ORDER BY created_at DESC, id LIMIT ?`, kind, database.Micros(now), limit)
	if err != nil {
		return nil, fmt.Errorf("listing tickets: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		t, err := s.scanTicket(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// DropTickets voids all that the account has, and the invitations that it made.
func (s *Store) DropTickets(ctx context.Context, tx *database.Tx, account string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM tickets WHERE account = ?`, account); err != nil {
		return fmt.Errorf("voiding tickets: %w", err)
	}
	return nil
}

// PruneTickets deletes those that have expired, with what was sealed in them.
func (s *Store) PruneTickets(ctx context.Context, now time.Time) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM tickets WHERE expires_at <= ?`, database.Micros(now)); err != nil {
		return fmt.Errorf("deleting expired tickets: %w", err)
	}
	return nil
}
