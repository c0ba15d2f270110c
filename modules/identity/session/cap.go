package session

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// makeRoom holds the account to as many sessions as it may have, for one more. The account's row is claimed in tx, so of logins at once each
// counts the other. Errors: ErrTooMany.
func (m *Manager) makeRoom(ctx context.Context, tx *database.Tx, s *row) error {
	now := m.Now()
	at := database.Micros(now)
	rows, err := tx.Query(ctx, `SELECT id FROM sessions WHERE account = ? AND ended_at = 0 AND idle_at > ? AND absolute_at > ?
		ORDER BY used_at DESC, rotated_at DESC, id`, s.account.ID, at, at)
	if err != nil {
		return fmt.Errorf("counting an account's sessions: %w", err)
	}
	ids, err := scanIDs(rows)
	if err != nil {
		return fmt.Errorf("counting an account's sessions: %w", err)
	}
	if len(ids) < m.MaxSessions {
		return nil
	}
	if m.RefuseMore {
		return ErrTooMany
	}
	for _, sid := range ids[m.MaxSessions-1:] {
		switch err := endOne(ctx, tx, now, sid, "too many sessions"); {
		case err == nil:
			s.displaced = append(s.displaced, sid)
		case err != ErrSession: // which has ended in this moment
			return err
		}
	}
	return nil
}
