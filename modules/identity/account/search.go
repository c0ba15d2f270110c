package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// States that accounts can be searched by.
const (
	StateActive   = "active"
	StateDisabled = "disabled"
	StateAwaiting = "approval"
)

// Query says which accounts of people are wanted, by name.
type Query struct {
	Text  string // the beginning of the name, or the whole address; "" all
	Role  string // "" all
	State string // "" all; or one of those above
	After string // a name: where the page before ended
	Limit int    // 1 to MaxPage
}

// MaxPage is the most that one search gives.
const MaxPage = 200

// Check refuses a misspelt state, by which all accounts would be found. Errors: ErrState.
func (q Query) Check() error {
	switch q.State {
	case "", StateActive, StateDisabled, StateAwaiting:
		return nil
	}
	return ErrState
}

// Search returns a page of profiles by name, and where the next one begins ("" there is none). Errors: ErrState.
func (s *Store) Search(ctx context.Context, q Query) (page []Profile, next string, err error) {
	if err := q.Check(); err != nil {
		return nil, "", err
	}
	q.Limit = min(max(q.Limit, 1), MaxPage)
	where, args := s.where(q)
	rows, err := s.db.Query(ctx, profileColumns+where+` ORDER BY a.username LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("searching accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(page) == q.Limit {
			return page, page[len(page)-1].Username, nil
		}
		p, err := s.scanProfile(rows)
		if err != nil {
			return nil, "", err
		}
		page = append(page, p)
	}
	return page, "", rows.Err()
}

func (s *Store) where(q Query) (string, []any) {
	where, args := []string{"a.kind = 'person'", "a.username > ?"}, []any{q.After}
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	switch text := strings.ToLower(strings.TrimSpace(q.Text)); {
	case text == "":
	case strings.Contains(text, "@"):
		email, err := NormaliseEmail(text)
		if err != nil {
			email = "" // whose index nobody has
		}
		and("a.email_index = ?", s.EmailIndex(email))
	default:
		// The bound is for the index: what begins with a text comes after it in every order.
		and("a.username >= CAST(? AS TEXT) AND a.username LIKE CAST(? AS TEXT) || '%' ESCAPE '!'", text, escapeLike(text))
	}
	if q.Role != "" {
		and("',' || a.roles || ',' LIKE '%,' || CAST(? AS TEXT) || ',%' ESCAPE '!'", escapeLike(q.Role))
	}
	switch q.State {
	case StateActive:
		and("a.disabled = 0")
	case StateDisabled:
		and("a.disabled <> 0 AND a.awaits = ''")
	case StateAwaiting:
		and("a.awaits = ?", AwaitsApproval)
	}
	return "WHERE " + strings.Join(where, " AND "), args
}

// escapeLike takes what has a meaning in a pattern for itself.
func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Approve opens an account that waits. Errors: NotWaiting, an ErrNotFound, where it does not.
func (s *Store) Approve(ctx context.Context, tx *database.Tx, id string) error {
	n, err := affected(tx.Exec(ctx, `UPDATE accounts SET revision = revision + 1, disabled = 0, awaits = '' WHERE id = ? AND awaits = ?`, id, AwaitsApproval))
	if err != nil {
		return fmt.Errorf("approving an account: %w", err)
	}
	if n == 0 {
		return NotWaiting{}
	}
	return nil
}

// Unlock forgets wrong second-factor codes.
func (s *Store) Unlock(ctx context.Context, tx *database.Tx, id string) error {
	return change(ctx, tx, `code_failures = 0, code_locked_until = 0`, id)
}
