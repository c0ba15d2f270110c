package source

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
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
	engine.Document
	size int
	at   time.Time
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
		out = append(out, Listed{path, r.size, r.Digest, r.at})
	}
	return out
}

// see is what the policy sees at a path, own being its own data.
func (p *Pushed) see(own engine.Datum, path []string) (v engine.Datum, ok bool, err error) {
	for n := range len(path) + 1 {
		if r, pushed := p.rows[FormatPath(path[:n])]; pushed { // all of what is at its path, and below
			v, ok = r.Value.At(path[n:])
			return v, ok, nil
		}
	}
	v, ok = own.At(path)
	for _, name := range slices.Sorted(maps.Keys(p.rows)) {
		r := p.rows[name]
		if len(r.Path) <= len(path) || !slices.Equal(r.Path[:len(path)], path) {
			continue
		}
		if !ok {
			v, ok = engine.EmptyObject(), true
		}
		if v, err = v.With(r.Path[len(path):], r.Value); err != nil {
			return v, false, fmt.Errorf("pushed data at %q: %w", name, err)
		}
	}
	return v, ok, nil
}

func documents(rows map[string]row) []engine.Document {
	list := make([]engine.Document, 0, len(rows))
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, rows[name].Document)
	}
	return list
}

// newRow makes a document ready to be laid over data.
func newRow(name string, value engine.Datum, digest string, size int, at time.Time) (row, error) {
	path, err := ParsePath(name)
	if err == nil && len(path) == 0 {
		err = errors.New("it is no path")
	}
	if err != nil {
		return row{}, fmt.Errorf("pushed data at %q: %w", name, err)
	}
	return row{engine.Document{Path: path, Value: value, Digest: digest}, size, at}, nil
}

// refresh reads what has changed, and tells whether anything has.
func (p *Pushed) refresh(ctx context.Context) (changed bool, err error) {
	digests, err := readDigests(ctx, p.db)
	if err != nil {
		return false, err
	}
	rows := make(map[string]row, len(digests))
	for path, digest := range digests {
		if old, ok := p.rows[path]; ok && old.Digest == digest {
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
	var document []byte
	var digest string
	var at int64
	if err := p.db.QueryRow(ctx, `SELECT document, digest, at FROM policy_data WHERE path = ?`, path).Scan(&document, &digest, &at); err != nil {
		return row{}, fmt.Errorf("reading pushed data: %w", err)
	}
	value, err := engine.ReadDatum(document)
	if err != nil {
		return row{}, fmt.Errorf("reading pushed data at %q: %w", path, err)
	}
	return newRow(path, value, digest, len(document), database.Time(at))
}

// edit is what a push makes of the document at a path, which old tells if it is asked, and whether there is one. remove takes it away.
type edit func(old func() (engine.Datum, bool, error)) (value engine.Datum, remove bool, err error)

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

// plan makes a change from what is known, own being the policy's own data.
func (p *Pushed) plan(path []string, own engine.Datum, f edit) (*plan, error) {
	c := &plan{path: FormatPath(path), before: p.rows, after: maps.Clone(p.rows)}
	// A document above takes the change into itself, those below are part of the new one.
	at := path
	for n := range path {
		if _, ok := p.rows[FormatPath(path[:n])]; ok {
			at = path[:n]
		}
	}
	value, removed, err := f(func() (engine.Datum, bool, error) { return p.see(own, path) })
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
		if value, err = within(p.rows[FormatPath(at)].Value, path[len(at):], value, removed); err != nil {
			return nil, err
		}
	}
	return c, c.put(FormatPath(at), value, p.now())
}

// within sets or removes something inside of a document.
func within(doc engine.Datum, path []string, value engine.Datum, removed bool) (engine.Datum, error) {
	if !removed {
		return doc.With(path, value)
	}
	less, ok := doc.Without(path)
	if !ok {
		return less, errNotPushed
	}
	return less, nil
}

// errNotPushed says that there is nothing to be taken away.
var errNotPushed = errors.New("nothing was pushed there; what the policy itself brings stays")

func tooLarge(path string) error {
	return fmt.Errorf("the document at %q would have more than %d MiB, or be nested too deeply", path, MaxDocument>>20)
}

// put adds a document to the plan.
func (c *plan) put(path string, value engine.Datum, now time.Time) error {
	var b strings.Builder // so that there is one copy of what may be large
	err := value.WriteJSON(&b)
	if err == nil && b.Len() > MaxDocument {
		err = engine.ErrLarge
	}
	if errors.Is(err, engine.ErrLarge) {
		return tooLarge(path)
	}
	if err != nil {
		return err
	}
	text := b.String()
	digest := sha256.New()
	io.WriteString(digest, text)
	r, err := newRow(path, value, fmt.Sprintf("%x", digest.Sum(nil)), len(text), now)
	if err != nil {
		return err
	}
	c.after[path] = r
	c.write = append(c.write, document{path, text, r})
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
		if !maps.EqualFunc(now, c.before, func(digest string, r row) bool { return digest == r.Digest }) {
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
				d.path, d.text, d.row.Digest, database.Micros(d.row.at)); err != nil {
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
