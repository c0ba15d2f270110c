package federation

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

// maxLinks bounds how many links an account may have.
const maxLinks = 10

// ErrMany is one link more than an account may have.
var ErrMany = errors.New("the account has as many links as it may")

// Linked is one way of an account to sign in by a provider.
type Linked struct {
	ID        string
	Account   string
	Provider  string // the id that the provider had in the configuration
	Issuer    string
	Label     string // what the provider calls the person; only List fills it in
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Links is who is linked to whom, in the database. The subject is kept as an HMAC: it is only ever looked for.
type Links struct {
	db       *database.DB
	accounts *account.Store
	key      []byte
}

// NewLinks makes a Links; key is one that nothing else uses.
func NewLinks(db *database.DB, accounts *account.Store, key []byte) *Links {
	return &Links{db, accounts, key}
}

// index is what a person at an issuer is found by.
func (l *Links) index(issuer, subject string) string {
	h := hmac.New(sha256.New, l.key)
	h.Write([]byte(store.Key("link", issuer, subject))) // with lengths: no two people are one
	return hex.EncodeToString(h.Sum(nil))
}

const linkColumns = `SELECT id, account, provider, issuer, created_at, used_at FROM account_links `

func scanLink(row interface{ Scan(...any) error }, more ...any) (Linked, error) {
	var k Linked
	var created, used int64
	err := row.Scan(append([]any{&k.ID, &k.Account, &k.Provider, &k.Issuer, &created, &used}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return k, account.ErrNotFound
	}
	if err != nil {
		return k, fmt.Errorf("reading a link: %w", err)
	}
	k.CreatedAt, k.UsedAt = database.Time(created), database.Time(used)
	return k, nil
}

// Find finds the link of a person at an issuer. Errors: account.ErrNotFound.
func (l *Links) Find(ctx context.Context, issuer, subject string) (Linked, error) {
	return scanLink(l.db.QueryRow(ctx, linkColumns+`WHERE subject = ?`, l.index(issuer, subject)))
}

// List returns the account's links, the oldest first.
func (l *Links) List(ctx context.Context, id string) ([]Linked, error) {
	rows, err := l.db.Query(ctx, `SELECT id, account, provider, issuer, created_at, used_at, label FROM account_links WHERE account = ? ORDER BY created_at, id`, id)
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	defer rows.Close()
	var all []Linked
	var labels [][]byte
	for rows.Next() {
		var label []byte
		k, err := scanLink(rows, &label)
		if err != nil {
			return nil, err
		}
		all, labels = append(all, k), append(labels, label)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // before the next query: SQLite has one connection
		return nil, fmt.Errorf("listing links: %w", err)
	}
	for i, label := range labels {
		plain, err := l.accounts.UnsealOwn(ctx, id, label, labelPlace(all[i].ID))
		if err != nil {
			return nil, err
		}
		all[i].Label = string(plain)
	}
	return all, nil
}

func labelPlace(id string) string { return store.Key("account_links", "label", id) }

// Add links a person to an account, whose row must have been written in tx before. Errors: account.ErrExists (the person is linked, perhaps to another
// account), ErrMany.
func (l *Links) Add(ctx context.Context, tx *database.Tx, now time.Time, id string, p Person) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM account_links WHERE account = ?`, id).Scan(&n); err != nil {
		return fmt.Errorf("counting links: %w", err)
	}
	if n >= maxLinks {
		return ErrMany
	}
	link := rand.Text()
	label, err := l.accounts.SealOwn(ctx, tx, id, []byte(labelOf(p)), labelPlace(link))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO account_links (id, account, provider, issuer, subject, label, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		link, id, p.Provider, p.Issuer, l.index(p.Issuer, p.Subject), label, database.Micros(now))
	if database.IsDuplicate(err) {
		return account.ErrExists
	}
	if err != nil {
		return fmt.Errorf("adding a link: %w", err)
	}
	return nil
}

// labelOf is how people know which of their accounts there it is.
func labelOf(p Person) string {
	for _, s := range []string{p.Email, p.Username, p.DisplayName, p.Subject} {
		if s, err := account.NormaliseDisplayName(s); err == nil && s != "" {
			return s
		}
	}
	return ""
}

// Used notes that the link was signed in by.
func (l *Links) Used(ctx context.Context, now time.Time, link string) error {
	if _, err := l.db.Exec(ctx, `UPDATE account_links SET used_at = ? WHERE id = ?`, database.Micros(now), link); err != nil {
		return fmt.Errorf("noting the use of a link: %w", err)
	}
	return nil
}

// Remove takes a link of the account away, and tells how many are left. Errors: account.ErrNotFound.
func (l *Links) Remove(ctx context.Context, tx *database.Tx, id, link string) (gone Linked, left int, err error) {
	if gone, err = scanLink(tx.QueryRow(ctx, linkColumns+`WHERE account = ? AND id = ?`, id, link)); err != nil {
		return gone, 0, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM account_links WHERE account = ? AND id = ?`, id, link); err != nil {
		return gone, 0, fmt.Errorf("removing a link: %w", err)
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM account_links WHERE account = ?`, id).Scan(&left); err != nil {
		return gone, 0, fmt.Errorf("counting links: %w", err)
	}
	return gone, left, nil
}
