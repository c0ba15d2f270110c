package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
)

// checkReserved refuses the name of somebody who was erased. Errors: ErrExists, as for a name that is in use.
func (s *Store) checkReserved(ctx context.Context, tx *database.Tx, name string) error {
	var n int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM reserved_names WHERE name_index = ?`, index(s.nameKey, name)).Scan(&n); err != nil {
		return fmt.Errorf("looking for a reserved name: %w", err)
	}
	if n > 0 {
		return ErrExists
	}
	return nil
}

// Erase deletes a person: the row, and with it all that hangs on it, the data key among it. The name stays reserved, by an HMAC that does not
// tell it, since grants and the application's data carry names. The person's sessions must be ended in tx before (session.EndAll). Errors: ErrNotFound.
func (s *Store) Erase(ctx context.Context, tx *database.Tx, now time.Time, a Account) error {
	var awaits string
	if err := tx.QueryRow(ctx, `SELECT awaits FROM accounts WHERE id = ?`, a.ID).Scan(&awaits); errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	} else if err != nil {
		return fmt.Errorf("erasing an account: %w", err)
	}
	if awaits == "" { // else nobody ever was known by it
		_, err := tx.Exec(ctx, `INSERT INTO reserved_names (name_index, at) VALUES (?, ?) ON CONFLICT (name_index) DO NOTHING`,
			index(s.nameKey, a.Name), database.Micros(now))
		if err != nil {
			return fmt.Errorf("reserving a name: %w", err)
		}
	}
	// The key by itself, too: it must go even where foreign keys are not enforced.
	if _, err := tx.Exec(ctx, `DELETE FROM account_keys WHERE account = ?`, a.ID); err != nil {
		return fmt.Errorf("destroying a data key: %w", err)
	}
	// What the audit log holds of them can be read no more; the log itself stays as it is.
	if err := personal.Erase(ctx, tx, s.keys, now, a.ID); err != nil {
		return err
	}
	n, err := affected(tx.Exec(ctx, `DELETE FROM accounts WHERE id = ?`, a.ID))
	if err != nil {
		return fmt.Errorf("erasing an account: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}
