package source

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Topic of the change feed; the key is the path of what was pushed.
const Topic = "policy-data"

// Bounds of what is pushed.
const (
	MaxDocument = 64 << 20 // bytes of one document, as JSON
	maxPushed   = 256 << 20
	maxPaths    = 1000
	maxTries    = 5
)

// Pushed is data that was pushed over a policy's own: documents by their path, in the database, for all gateways that share it. A document
// stands whole in place of what the policy itself has at its path. It is the keeper's to use, one caller at a time.
type Pushed struct {
	db   *database.DB
	wake func() // the change feed
	now  func() time.Time
	rows map[string]row // by path as FormatPath has it; none below another
}

// row is one document, which never changes.
type row struct {
	value  any
	over   engine.Document // the same, as policies see it
	digest string
	size   int
	at     time.Time
}

// Listed is one pushed document.
type Listed struct {
	Path   string    `json:"path"`
	Bytes  int       `json:"bytes"`
	Digest string    `json:"digest"`
	At     time.Time `json:"at"`
}

// NewPushed reads what was pushed.
func NewPushed(ctx context.Context, db *database.DB, wake func(), now func() time.Time) (*Pushed, error) {
	p := &Pushed{db: db, wake: wake, now: now, rows: map[string]row{}}
	_, err := p.refresh(ctx)
	return p, err
}

// list is sorted by path.
func (p *Pushed) list() []Listed {
	out := make([]Listed, 0, len(p.rows))
	for _, path := range slices.Sorted(maps.Keys(p.rows)) {
		r := p.rows[path]
		out = append(out, Listed{path, r.size, r.digest, r.at})
	}
	return out
}

// over lays what was pushed over a policy's own data.
func (p *Pushed) over(data map[string]any) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(p.rows)) {
		path, err := ParsePath(name)
		if err != nil || len(path) == 0 {
			return nil, fmt.Errorf("pushed data at %q: it is no path", name)
		}
		if data, err = set(data, path, p.rows[name].value); err != nil {
			return nil, fmt.Errorf("pushed data at %q: %w", name, err)
		}
	}
	return data, nil
}

func documents(rows map[string]row) []engine.Document {
	list := make([]engine.Document, 0, len(rows))
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, rows[name].over)
	}
	return list
}

// newRow makes a document ready to be laid over data.
func newRow(name string, value any, digest string, size int, at time.Time) (row, error) {
	path, err := ParsePath(name)
	if err == nil && len(path) == 0 {
		err = errors.New("it is no path")
	}
	if err != nil {
		return row{}, fmt.Errorf("pushed data at %q: %w", name, err)
	}
	over, err := engine.NewDocument(path, value)
	return row{value, over, digest, size, at}, err
}

// refresh reads what has changed, and tells whether anything has.
func (p *Pushed) refresh(ctx context.Context) (changed bool, err error) {
	digests, err := readDigests(ctx, p.db)
	if err != nil {
		return false, err
	}
	rows := make(map[string]row, len(digests))
	for path, digest := range digests {
		if old, ok := p.rows[path]; ok && old.digest == digest {
			rows[path] = old
			continue
		}
		r, err := p.read(ctx, path)
		if errors.Is(err, sql.ErrNoRows) {
			continue // gone meanwhile: the feed tells
		}
		if err != nil {
			return false, err
		}
		rows[path], changed = r, true
	}
	changed = changed || len(rows) != len(p.rows)
	p.rows = rows
	return changed, nil
}

type querier interface {
	Query(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

func readDigests(ctx context.Context, q querier) (map[string]string, error) {
	found, err := q.Query(ctx, `SELECT path, digest FROM policy_data`)
	if err != nil {
		return nil, fmt.Errorf("reading pushed data: %w", err)
	}
	defer found.Close()
	digests := map[string]string{}
	for found.Next() {
		var path, digest string
		if err := found.Scan(&path, &digest); err != nil {
			return nil, fmt.Errorf("reading pushed data: %w", err)
		}
		digests[path] = digest
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("reading pushed data: %w", err)
	}
	return digests, nil
}

func (p *Pushed) read(ctx context.Context, path string) (row, error) {
	var document, digest string
	var at int64
	if err := p.db.QueryRow(ctx, `SELECT document, digest, at FROM policy_data WHERE path = ?`, path).Scan(&document, &digest, &at); err != nil {
		return row{}, fmt.Errorf("reading pushed data: %w", err)
	}
	value, err := engine.Decode([]byte(document))
	if err != nil {
		return row{}, fmt.Errorf("reading pushed data at %q: %w", path, err)
	}
	return newRow(path, value, digest, len(document), database.Time(at))
}

// edit is what a push makes of the document at a path; ok tells whether there is one. remove takes it away.
type edit func(old any, ok bool) (value any, remove bool, err error)

// plan is a change of the rows.
type plan struct {
	path   string // that was asked for
	before map[string]row
	after  map[string]row
	write  []document
	remove []string
}

type document struct {
	path, text string
	row        row
}

// plan makes a change from what is known, effective being the data that the policy sees.
func (p *Pushed) plan(path []string, effective map[string]any, f edit) (*plan, error) {
	c := &plan{path: FormatPath(path), before: p.rows, after: maps.Clone(p.rows)}
	// A document above takes the change into itself, those below are part of the new one.
	at := path
	for n := range path {
		if _, ok := p.rows[FormatPath(path[:n])]; ok {
			at = path[:n]
		}
	}
	old, ok := get(effective, path)
	value, removed, err := f(old, ok)
	if err != nil {
		return nil, err
	}
	for other := range p.rows {
		if other == FormatPath(at) && (len(at) < len(path)) {
			continue
		}
		if other == c.path || strings.HasPrefix(other, c.path+"/") {
			c.remove = append(c.remove, other)
			delete(c.after, other)
		}
	}
	if removed && len(at) == len(path) {
		if len(c.remove) == 0 {
			return nil, errNotPushed
		}
		return c, nil
	}
	if len(at) < len(path) {
		if value, err = within(p.rows[FormatPath(at)].value, path[len(at):], value, removed); err != nil {
			return nil, err
		}
	}
	return c, c.put(FormatPath(at), value, p.now())
}

// within sets or removes something inside of a document.
func within(doc any, path []string, value any, removed bool) (any, error) {
	if removed {
		if _, ok := get(doc, path); !ok {
			return nil, errNotPushed
		}
		return remove(doc, path)
	}
	object, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("what was pushed above is no object in which %q could be", path[0])
	}
	return set(object, path, value)
}

// errNotPushed says that there is nothing to be taken away.
var errNotPushed = errors.New("nothing was pushed there; what the policy itself brings stays")

// put adds a document to the plan.
func (c *plan) put(path string, value any, now time.Time) error {
	text, err := engine.Encode(value, MaxDocument)
	if errors.Is(err, engine.ErrLarge) {
		return fmt.Errorf("the document at %q would have more than %d MiB, or be nested too deeply", path, MaxDocument>>20)
	}
	if err != nil {
		return err
	}
	r, err := newRow(path, value, fmt.Sprintf("%x", sha256.Sum256(text)), len(text), now)
	if err != nil {
		return err
	}
	c.after[path] = r
	c.write = append(c.write, document{path, string(text), r})
	total := 0
	for _, r := range c.after {
		total += r.size
	}
	if total > maxPushed || len(c.after) > maxPaths {
		return fmt.Errorf("pushed data has at most %d documents of %d MiB together", maxPaths, maxPushed>>20)
	}
	return nil
}

// errOvertaken says that somebody else pushed meanwhile.
var errOvertaken = errors.New("somebody else pushed at the same time")

// commit writes a plan, if what it was made from is still so.
func (p *Pushed) commit(ctx context.Context, c *plan) error {
	err := p.db.InTx(ctx, func(tx *database.Tx) error {
		// First of all: whoever writes to the feed waits for us, so nobody pushes between our look and our write.
		if err := tx.Append(ctx, p.now(), database.Change{Topic: Topic, Key: c.path}); err != nil {
			return err
		}
		now, err := readDigests(ctx, tx)
		if err != nil {
			return err
		}
		if !maps.EqualFunc(now, c.before, func(digest string, r row) bool { return digest == r.digest }) {
			return errOvertaken
		}
		for _, path := range c.remove {
			if _, err := tx.Exec(ctx, `DELETE FROM policy_data WHERE path = ?`, path); err != nil {
				return fmt.Errorf("removing pushed data: %w", err)
			}
		}
		for _, d := range c.write {
			if _, err := tx.Exec(ctx, `INSERT INTO policy_data (path, document, digest, at) VALUES (?, ?, ?, ?)
				ON CONFLICT (path) DO UPDATE SET document = excluded.document, digest = excluded.digest, at = excluded.at`,
				d.path, d.text, d.row.digest, database.Micros(d.row.at)); err != nil {
				return fmt.Errorf("storing pushed data: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.rows = c.after
	p.wake()
	return nil
}
