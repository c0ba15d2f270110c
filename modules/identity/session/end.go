package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Logout ends the session of the refresh token and the session sid; either may be "". Any refresh token of the session will do,
// an exchanged one too. What has ended already is no error.
func (m *Manager) Logout(ctx context.Context, refresh, sid string) error {
	of, _, ok := m.parseRefresh(refresh)
	if ok {
		if err := m.end(ctx, of, "logout"); err != nil {
			return err
		}
	}
	if sid == "" || ok && sid == of {
		return nil
	}
	return m.end(ctx, sid, "logout")
}

// End ends one session for somebody else than its owner. One that has ended already is no error.
func (m *Manager) End(ctx context.Context, sid, reason string) error { return m.end(ctx, sid, reason) }

// end ends one session: in the database, here at once, and everywhere by the feed.
func (m *Manager) end(ctx context.Context, sid, reason string) error {
	var account string
	err := m.DB.InTx(ctx, func(tx *database.Tx) error {
		now := m.Now()
		if err := endOne(ctx, tx, now, sid, reason); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT account FROM sessions WHERE id = ?`, sid).Scan(&account); err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
		return tx.Append(ctx, now, database.Change{Topic: "session", Key: sid})
	})
	if errors.Is(err, ErrSession) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Feed.Wake()
	m.over(ctx, account, sid, reason)
	return nil
}

// over acts on and records the end of a session that this process has committed.
func (m *Manager) over(ctx context.Context, account, sid, reason string) {
	m.forget(sid, reason)
	if apitoken.IsID(sid) {
		m.tell(ctx, &event.Event{Category: "iam", Action: "token-ended", Outcome: event.Success, Reason: reason, UserID: account, Session: sid})
		return
	}
	ended.WithLabelValues(reason).Inc()
	m.tell(ctx, &event.Event{Category: "session", Action: "session-ended", Outcome: event.Success, Reason: reason, UserID: account, Session: sid})
}

// endOne marks a session as ended. Errors: ErrSession where it has ended, or never was.
func endOne(ctx context.Context, tx *database.Tx, now time.Time, sid, reason string) error {
	r, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = ?, reason = ? WHERE id = ? AND ended_at = 0`, database.Micros(now), reason, sid)
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrSession
	}
	return err
}

// EndAll ends the account's sessions but one ("" for none) and its tokens, tells the feed of each and of the account, and returns their ids. The account's row
// must have been changed in tx before: that keeps logins from beginning a session beside it.
func EndAll(ctx context.Context, tx *database.Tx, now time.Time, account, except, reason string) ([]string, error) {
	ids, changes, err := endEach(ctx, tx, now, account, except, reason)
	if err != nil {
		return nil, err
	}
	return ids, tx.Append(ctx, now, changes...)
}

// endEach is EndAll without telling the feed: it returns what that is to be told, at the end of tx.
func endEach(ctx context.Context, tx *database.Tx, now time.Time, account, except, reason string) (ids []string, changes []database.Change, err error) {
	if ids, err = endAll(ctx, tx, now, account, except, reason); err != nil {
		return nil, nil, fmt.Errorf("ending an account's sessions: %w", err)
	}
	tokens, err := apitoken.EndAll(ctx, tx, now, account, reason)
	if err != nil {
		return nil, nil, err
	}
	ids = append(ids, tokens...)
	changes = []database.Change{{Topic: "account", Key: account}}
	for _, id := range ids {
		changes = append(changes, database.Change{Topic: "session", Key: id})
	}
	return ids, changes, nil
}

func endAll(ctx context.Context, tx *database.Tx, now time.Time, account, except, reason string) ([]string, error) {
	at := database.Micros(now)
	// First ended, then listed: a session that is refreshed or stepped up meanwhile is either ended here or fails there.
	if _, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = ?, reason = ? WHERE account = ? AND ended_at = 0 AND id <> ?`, at, reason, account, except); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT id FROM sessions WHERE account = ? AND ended_at = ? AND idle_at > ? AND id <> ?`, account, at, at, except)
	if err != nil {
		return nil, err
	}
	return scanIDs(rows)
}

func scanIDs(rows *sql.Rows) (ids []string, err error) {
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
