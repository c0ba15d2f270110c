// Package risk is the register of what may go wrong: fed by what the gateway sees, kept by people, with its history. One cause is one risk, whoever sees it and how
// often; it closes itself when the cause is gone, and says so.
package risk

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Sources of risks.
const (
	Incident = "incident" // a kind of incident that recurs
	Control  = "control"  // of a framework, unmet
	Route    = "route"    // that no rule of the policy names
	Person   = "person"   // somebody wrote it down
)

// Sources are all.
var Sources = []string{Incident, Control, Route, Person}

// States of a risk.
const (
	Open   = "open"
	Closed = "closed"
)

// Treatments of a risk.
const (
	Undecided = "undecided"
	Mitigate  = "mitigate" // something is done about it
	Accept    = "accept"   // until a day
	Transfer  = "transfer" // somebody else bears it
	Avoid     = "avoid"    // what brings it is given up
)

// Treatments are all that can be chosen.
var Treatments = []string{Mitigate, Accept, Transfer, Avoid}

// Errors.
var (
	ErrNotFound  = errors.New("there is no such risk")
	ErrMalformed = errors.New("a risk can't be so")
	ErrState     = errors.New("the risk is closed")
	ErrSeen      = errors.New("its cause is still there: it closes when that is gone")
)

// Changed says what others did since the version that somebody saw.
type Changed struct{ Since []Moment }

// Error implements error.
func (*Changed) Error() string { return "it was changed meanwhile" }

// Bounds.
const (
	mostText   = 2000
	mostTitle  = 300
	mostCauses = 2000 // of one source at once
	mostRisks  = 20_000
	keepClosed = 3 * 366 * 24 * time.Hour
	// Gone is how long a cause must not have been seen for the risk to close: several gateways feed one register, and one may be away for a moment.
	Gone = 45 * time.Minute
)

// Events takes what happens: *event.Bus.
type Events interface{ Emit(e *event.Event) }

// Register is the risks of one database.
type Register struct {
	DB     *database.DB
	Events Events
	Now    func() time.Time
}

// By is who does something: an account's id, "operator", or "monitor".
type By struct{ ID, Session string }

// machine is who feeds.
var machine = By{ID: "monitor"}

// Cause is what a source sees.
type Cause struct {
	Key        string // of the source, the same each time: a rule's id, a control's, a route
	Title      string
	Detail     string
	Mend       string // how it goes away
	Link       string // where it is seen, within the console
	Likelihood int    // 1 to 5: a guess, until a person says
	Impact     int
	Times      int // how often it was there, where it counts
}

// Risk is one.
type Risk struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	Title      string    `json:"title"`
	Detail     string    `json:"detail,omitempty"`
	Mend       string    `json:"mend,omitempty"`
	Link       string    `json:"link,omitempty"`
	Likelihood int       `json:"likelihood"`
	Impact     int       `json:"impact"`
	Assessed   time.Time `json:"assessed,omitzero"` // by a person
	Owner      string    `json:"owner,omitempty"`   // an account's id
	Treatment  string    `json:"treatment"`
	Due        time.Time `json:"due,omitzero"`
	Accepted   time.Time `json:"accepted_until,omitzero"`
	State      string    `json:"state"`
	Times      int       `json:"times,omitempty"`
	Opened     time.Time `json:"opened"`
	Seen       time.Time `json:"seen"`
	Closed     time.Time `json:"closed,omitzero"`
	Version    int64     `json:"-"`
	OwnerName  string    `json:"owner_name,omitempty"` // as it is now
}

// Score is likelihood times impact: 1 to 25.
func (r Risk) Score() int { return r.Likelihood * r.Impact }

// Overdue tells what should have been done, or accepted anew, by now.
func (r Risk) Overdue(now time.Time) bool {
	late := func(t time.Time) bool { return !t.IsZero() && t.Before(now) }
	return r.State == Open && (late(r.Due) && r.Treatment != Accept || r.Treatment == Accept && late(r.Accepted))
}

// Moment is one step of a risk's history.
type Moment struct {
	At   time.Time
	By   string
	What string
	Text string
}

const columns = `SELECT r.id, r.source, r.title, r.detail, r.mend, r.link, r.likelihood, r.impact, r.assessed, r.owner, r.treatment, r.due, r.accepted, r.state, r.times, r.opened, r.seen,
	r.closed, r.version, COALESCE(a.username, '') FROM risks r LEFT JOIN accounts a ON a.id = r.owner `

func scan(row interface{ Scan(...any) error }) (r Risk, err error) {
	var assessed, due, accepted, opened, seen, closed int64
	err = row.Scan(&r.ID, &r.Source, &r.Title, &r.Detail, &r.Mend, &r.Link, &r.Likelihood, &r.Impact, &assessed, &r.Owner, &r.Treatment, &due, &accepted, &r.State, &r.Times, &opened, &seen,
		&closed, &r.Version, &r.OwnerName)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("reading a risk: %w", err)
	}
	t := database.Time
	r.Assessed, r.Due, r.Accepted, r.Opened, r.Seen, r.Closed = t(assessed), t(due), t(accepted), t(opened), t(seen), t(closed)
	return r, nil
}

// Get is one. Errors: ErrNotFound.
func (g *Register) Get(ctx context.Context, id string) (Risk, error) {
	return scan(g.DB.QueryRow(ctx, columns+`WHERE r.id = ?`, id))
}

// Query says which risks are wanted, the greatest first.
type Query struct {
	State, Source, Treatment string
	Owner                    string // an account's id; "-": nobody's
	Least                    int    // of the score
	Text                     string // part of the title, whatever its case
	Overdue                  bool
	After                    string // what the page before said
	Limit                    int
}

// List is a page, and where the next one begins ("" there is none). Errors: ErrMalformed.
func (g *Register) List(ctx context.Context, q Query) (all []Risk, next string, err error) {
	text, args, err := q.where(g.Now())
	if err != nil {
		return nil, "", err
	}
	q.Limit = max(q.Limit, 1)
	rows, err := g.DB.Query(ctx, columns+text+` ORDER BY r.likelihood * r.impact DESC, r.opened DESC, r.id LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("listing risks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(all) == q.Limit {
			return all, cursorOf(all[q.Limit-1]), nil
		}
		r, err := scan(rows)
		if err != nil {
			return nil, "", err
		}
		all = append(all, r)
	}
	return all, "", rows.Err()
}

func (q Query) where(now time.Time) (string, []any, error) {
	text, args := `WHERE 1 = 1`, []any(nil)
	and := func(condition string, values ...any) {
		text += " AND " + condition
		args = append(args, values...)
	}
	for _, c := range []struct{ column, value string }{{"state", q.State}, {"source", q.Source}, {"treatment", q.Treatment}} {
		if c.value != "" {
			and("r."+c.column+" = ?", c.value)
		}
	}
	switch q.Owner {
	case "":
	case "-":
		and("r.owner = ''")
	default:
		and("r.owner = ?", q.Owner)
	}
	if q.Least > 0 {
		and("r.likelihood * r.impact >= ?", q.Least)
	}
	if q.Text != "" {
		and("LOWER(r.title) LIKE '%' || CAST(? AS TEXT) || '%' ESCAPE '!'", strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(q.Text)))
	}
	if q.Overdue {
		at := database.Micros(now)
		and("r.state = 'open' AND ((r.treatment <> 'accept' AND r.due <> 0 AND r.due < ?) OR (r.treatment = 'accept' AND r.accepted < ?))", at, at)
	}
	if q.After != "" {
		var c cursor
		raw, err := base64.RawURLEncoding.DecodeString(q.After)
		if err == nil {
			err = json.Unmarshal(raw, &c)
		}
		if err != nil || strings.ContainsRune(c.ID, 0) {
			return "", nil, fmt.Errorf("%w: there is no such page", ErrMalformed)
		}
		and("(r.likelihood * r.impact < ? OR (r.likelihood * r.impact = ? AND (r.opened < ? OR (r.opened = ? AND r.id > ?))))", c.Score, c.Score, c.At, c.At, c.ID)
	}
	return text, args, nil
}

// cursor is the last risk of a page.
type cursor struct {
	Score int    `json:"s"`
	At    int64  `json:"t"`
	ID    string `json:"i"`
}

func cursorOf(r Risk) string {
	raw, err := json.Marshal(cursor{r.Score(), database.Micros(r.Opened), r.ID})
	if err != nil {
		panic(err) // a string and numbers
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Matrix counts open risks by likelihood and impact, from 1 to 5 each.
func (g *Register) Matrix(ctx context.Context) (m [6][6]int, err error) {
	rows, err := g.DB.Query(ctx, `SELECT likelihood, impact, COUNT(*) FROM risks WHERE state = 'open' GROUP BY likelihood, impact`)
	if err != nil {
		return m, fmt.Errorf("counting risks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var l, i, n int
		if err := rows.Scan(&l, &i, &n); err != nil {
			return m, fmt.Errorf("counting risks: %w", err)
		}
		if l >= 1 && l <= 5 && i >= 1 && i <= 5 {
			m[l][i] = n
		}
	}
	return m, rows.Err()
}

// History is what became of a risk, the last first.
func (g *Register) History(ctx context.Context, id string, limit int) (all []Moment, err error) {
	return history(ctx, g.DB.Query, `WHERE risk = ? ORDER BY at DESC, id LIMIT ?`, id, limit)
}

func history(ctx context.Context, query func(context.Context, string, ...any) (*sql.Rows, error), where string, args ...any) (all []Moment, err error) {
	rows, err := query(ctx, `SELECT at, by_whom, what, text FROM risk_history `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the history of a risk: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Moment
		var at int64
		if err := rows.Scan(&at, &m.By, &m.What, &m.Text); err != nil {
			return nil, fmt.Errorf("reading the history of a risk: %w", err)
		}
		m.At = database.Time(at)
		all = append(all, m)
	}
	return all, rows.Err()
}

func note(ctx context.Context, tx *database.Tx, risk string, at time.Time, by By, what, text string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO risk_history (id, risk, at, by_whom, what, text) VALUES (?, ?, ?, ?, ?, ?)`, rand.Text(), risk, database.Micros(at), by.ID, what, text); err != nil {
		return fmt.Errorf("writing the history of a risk: %w", err)
	}
	return nil
}

// Names are those of accounts that there are.
func (g *Register) Names(ctx context.Context, ids ...string) (map[string]string, error) {
	names := map[string]string{}
	for _, id := range ids {
		if _, seen := names[id]; seen || id == "" {
			continue
		}
		var name string
		if err := g.DB.QueryRow(ctx, `SELECT username FROM accounts WHERE id = ?`, id).Scan(&name); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("looking up names: %w", err)
		}
		names[id] = name
	}
	return names, nil
}

// tell emits what became of a risk. What people wrote is in none.
func (g *Register) tell(by By, action, reason string, r Risk) {
	g.Events.Emit(&event.Event{
		Time: g.Now(), Action: action, Outcome: event.Success, Reason: reason, UserID: by.ID, Session: by.Session,
		Fields: []zap.Field{zap.String("gateway.register.id", r.ID), zap.String("gateway.register.source", r.Source), zap.Int("gateway.register.score", r.Score())},
	})
}

// isText refuses what is too long or no text.
func isText(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// Account gives the id of an account by that or its name. Errors: ErrMalformed where there is none.
func (g *Register) Account(ctx context.Context, typed string) (id string, err error) {
	err = g.DB.QueryRow(ctx, `SELECT id FROM accounts WHERE id = ? OR username = ?`, typed, strings.ToLower(typed)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w: no account is called so", ErrMalformed)
	}
	if err != nil {
		return "", fmt.Errorf("looking up an account: %w", err)
	}
	return id, nil
}
