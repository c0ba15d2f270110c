package session

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/internal/database"
)

// Sight says which living sessions a table shows, the last begun first.
type Sight struct {
	Account string    // "" all
	Country string    // "" all
	Single  bool      // only those without a second factor
	Since   time.Time // begun then or later; zero: all
	After   string    // what the page before said
	Limit   int
}

// Living is a session that lives, as operators see it.
type Living struct {
	Open
	Account, Username string
	Methods           []string
	Second            time.Time // when the second factor was given; zero: never
	Risk              []string
}

// ErrCursor refuses a text that no page before gave.
var ErrCursor = errors.New("there is no such page")

const livingColumns = `SELECT s.id, s.user_agent, s.ip, s.country, s.created_at, s.used_at, s.rotated_at, s.absolute_at, s.remembered, s.device,
	s.account, a.username, s.amr, s.mfa_time, s.risk FROM sessions s JOIN accounts a ON a.id = s.account
	WHERE s.ended_at = 0 AND s.idle_at > ? AND s.absolute_at > ?`

// Living lists what lives of everybody's, and says where the next page begins ("" there is none). Errors: ErrCursor.
func (m *Manager) Living(ctx context.Context, q Sight) (page []Living, next string, err error) {
	at := database.Micros(m.Now())
	text, args := livingColumns, []any{at, at}
	and := func(condition string, values ...any) {
		text += " AND " + condition
		args = append(args, values...)
	}
	if q.Account != "" {
		and("s.account = ?", q.Account)
	}
	if q.Country != "" {
		and("s.country = ?", q.Country)
	}
	if q.Single {
		and("s.mfa_time = 0")
	}
	if !q.Since.IsZero() {
		and("s.created_at >= ?", database.Micros(q.Since))
	}
	if q.After != "" {
		at, id, err := readPlace(q.After)
		if err != nil {
			return nil, "", err
		}
		and("(s.created_at, s.id) < (?, ?)", at, id)
	}
	q.Limit = max(q.Limit, 1)
	rows, err := m.DB.Query(ctx, text+` ORDER BY s.created_at DESC, s.id DESC LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("browsing sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(page) == q.Limit {
			last := page[len(page)-1]
			return page, placeOf(database.Micros(last.CreatedAt), last.ID), nil
		}
		one, err := m.scanLiving(rows)
		if err != nil {
			return nil, "", err
		}
		page = append(page, one)
	}
	return page, "", rows.Err()
}

// SeeLiving is one session that lives. Errors: ErrSession.
func (m *Manager) SeeLiving(ctx context.Context, sid string) (Living, error) {
	at := database.Micros(m.Now())
	one, err := m.scanLiving(m.DB.QueryRow(ctx, livingColumns+` AND s.id = ?`, at, at, sid))
	if errors.Is(err, sql.ErrNoRows) {
		return one, ErrSession
	}
	return one, err
}

func (m *Manager) scanLiving(row interface{ Scan(...any) error }) (l Living, err error) {
	var created, used, rotated, absolute, remembered, second int64
	var methods, risk string
	if err := row.Scan(&l.ID, &l.UserAgent, &l.IP, &l.Country, &created, &used, &rotated, &absolute, &remembered, &l.Device,
		&l.Account, &l.Username, &methods, &second, &risk); err != nil {
		return l, fmt.Errorf("browsing sessions: %w", err)
	}
	l.CreatedAt, l.UsedAt, l.EndsAt = database.Time(created), database.Time(max(used, rotated)), database.Time(absolute)
	l.Remembered, l.Methods, l.Second, l.Risk = remembered != 0, list(methods), database.Time(second), list(risk)
	return l, m.unseal(l.ID, &l.IP, &l.UserAgent)
}

// EndTokenOf ends somebody's token in the name of an operator. Errors: apitoken.ErrNotFound.
func (m *Manager) EndTokenOf(ctx context.Context, id, reason string) error {
	var of string
	err := m.DB.QueryRow(ctx, `SELECT account FROM tokens WHERE id = ? AND ended_at = 0`, id).Scan(&of)
	if errors.Is(err, sql.ErrNoRows) {
		return apitoken.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("ending a token: %w", err)
	}
	return m.endToken(ctx, of, id, reason)
}

// placeOf names the last row of a page: its time and id.
func placeOf(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(at)), id...))
}

func readPlace(text string) (at int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) <= 8 || len(raw) > 512 || strings.ContainsRune(string(raw[8:]), 0) {
		return 0, "", ErrCursor
	}
	return int64(binary.BigEndian.Uint64(raw)), strings.ToValidUTF8(string(raw[8:]), ""), nil
}
