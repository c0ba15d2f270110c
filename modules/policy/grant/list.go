package grant

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Query says which grants are listed. What is empty does not matter. A query for neither a subject nor an object looks at all grants until the page is full.
type Query struct {
	Subject, Relation, Object string
	Kind                      string // the type of the object
	After                     string // Next of the page before
	Limit                     int    // of the page; 0 and more than MaxPage: MaxPage
}

// MaxPage is how many grants a page has at most.
const MaxPage = 1000

// maxCursor bounds the text that says where a page begins.
const maxCursor = 4 * (maxSubject + maxRelation + maxObject)

// Entry is a grant in a list.
type Entry struct {
	Grant
	Since time.Time // when it was granted
}

// Page is a part of a list.
type Page struct {
	Entries []Entry
	Next    string // where the next part begins; "" there is none
}

// List lists grants that have not expired. They are asked of the database, which keeps their order from page to page: what is granted or removed
// meanwhile is in it or not, and all others once. Errors: ErrMalformed.
func (s *Store) List(ctx context.Context, q Query) (p Page, err error) {
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	text, args, err := q.sql(database.Micros(s.now()))
	if err != nil {
		return p, err
	}
	rows, err := s.db.Query(ctx, text, args...)
	if err != nil {
		return p, fmt.Errorf("listing grants: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		var expires, at int64
		if err := rows.Scan(&e.Object, &e.Subject, &e.Relation, &expires, &at); err != nil {
			return p, fmt.Errorf("listing grants: %w", err)
		}
		if len(p.Entries) == q.Limit {
			p.Next = cursorOf(p.Entries[q.Limit-1].Grant)
			break
		}
		e.Expires, e.Since = database.Time(expires), database.Time(at)
		p.Entries = append(p.Entries, e)
	}
	if err := rows.Err(); err != nil {
		return p, fmt.Errorf("listing grants: %w", err)
	}
	return p, nil
}

// sql orders by what the query leaves open, as an index does, so that a page costs what is in it.
func (q Query) sql(now int64) (string, []any, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	for _, c := range []struct{ column, value string }{{"object", q.Object}, {"subject", q.Subject}, {"kind", q.Kind}, {"relation", q.Relation}} {
		if !isText(c.value) {
			return "", nil, fmt.Errorf("%w: there is no such %s", ErrMalformed, c.column)
		}
		if c.value != "" {
			and(c.column+" = ?", c.value)
		}
	}
	order := "object, subject, relation"
	if q.Subject != "" && q.Object == "" {
		order = "kind, object, relation"
	}
	if q.After != "" {
		g, err := q.cursor()
		if err != nil {
			return "", nil, err
		}
		if q.Subject != "" && q.Object == "" {
			and("("+order+") > (?, ?, ?)", kind(g.Object), g.Object, g.Relation)
		} else {
			and("("+order+") > (?, ?, ?)", g.Object, g.Subject, g.Relation)
		}
	}
	and("(expires = 0 OR expires > ?)", now)
	return `SELECT object, subject, relation, expires, at FROM grants WHERE ` + strings.Join(where, " AND ") + ` ORDER BY ` + order + ` LIMIT ?`,
		append(args, q.Limit+1), nil
}

// cursorOf names the last grant of a page.
func cursorOf(g Grant) string {
	raw, err := json.Marshal([3]string{g.Object, g.Subject, g.Relation})
	if err != nil {
		panic(err) // three strings
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (q Query) cursor() (Grant, error) { return FromID(q.After) }

// ID names the grant in one word. It is no secret.
func (g Grant) ID() string { return cursorOf(g) }

// FromID is the grant of that ID, without its end: whether it is there is not known. Errors: ErrMalformed.
func FromID(id string) (Grant, error) {
	var parts [3]string
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err == nil && len(id) <= maxCursor {
		err = json.Unmarshal(raw, &parts)
	}
	g := Grant{Object: parts[0], Subject: parts[1], Relation: parts[2]}
	if err != nil || !IsObject(g.Object) || !isText(g.Subject) || !isText(g.Relation) {
		return g, fmt.Errorf("%w: there is no such page", ErrMalformed)
	}
	return g, nil
}

// Get is one grant that holds. Errors: ErrNone.
func (s *Store) Get(ctx context.Context, g Grant) (Entry, error) {
	e := Entry{Grant: g}
	var expires, at int64
	err := s.db.QueryRow(ctx, `SELECT expires, at FROM grants WHERE object = ? AND subject = ? AND relation = ? AND (expires = 0 OR expires > ?)`,
		g.Object, g.Subject, g.Relation, database.Micros(s.now())).Scan(&expires, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return e, ErrNone
	}
	if err != nil {
		return e, fmt.Errorf("reading a grant: %w", err)
	}
	e.Expires, e.Since = database.Time(expires), database.Time(at)
	return e, nil
}

// ErrNone says that nobody was granted that, or that it has ended.
var ErrNone = errors.New("there is no such grant")
