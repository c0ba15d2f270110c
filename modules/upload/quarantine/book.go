package quarantine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// What can be wrong with what is asked.
var (
	ErrNone      = errors.New("there is no such file in quarantine")
	ErrElsewhere = errors.New("it lies on the disk of another gateway")
	ErrFull      = errors.New("the quarantine is full")
	ErrTooLong   = errors.New("the file is longer than is kept")
)

// Sealer seals what rests: *keyring.Ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

// DefaultTotal is how many bytes of the disk the files of a gateway take where nothing is said.
const DefaultTotal = 1 << 30

// Options of a book. Zero numbers have defaults.
type Options struct {
	Dir  string // of the files of this gateway, made with mode 0700
	DB   *database.DB
	Keys Sealer

	Keep  time.Duration // how long a file is kept; default 7 days
	Total int64         // bytes of all files of this gateway; default 1 GiB
	File  int64         // bytes of one; default 64 MiB

	Now   func() time.Time // time.Now
	Error func(error)      // told of what the sweep could not do; nil: nobody
}

func (o Options) filled() Options {
	if o.Keep == 0 {
		o.Keep = 7 * 24 * time.Hour
	}
	if o.Total == 0 {
		o.Total = DefaultTotal
	}
	if o.File == 0 {
		o.File = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Error == nil {
		o.Error = func(error) {}
	}
	return o
}

// Book is the quarantine as one gateway sees it. It is safe for use by many.
type Book struct {
	o    Options
	node string

	putting sync.Mutex // one at a time, so that the room is counted right
}

// Open finds the gateway's own files. It starts nothing: Sweep is to be called now and then.
func Open(o Options) (*Book, error) {
	b := &Book{o: o.filled()}
	if err := owner.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the quarantine: %w", err)
	}
	var err error
	b.node, err = nodeOf(o.Dir)
	return b, err
}

// nodeOf is the name of a gateway as the folder has it, made at the first time.
func nodeOf(dir string) (string, error) {
	path := filepath.Join(dir, "node")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.ToLower(rand.Text()[:8]) + "\n")
		err = errors.Join(err, owner.Inherit(f), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("naming the folder of the quarantine: %w", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the name of the quarantine's folder: %w", err)
	}
	name := strings.TrimSpace(string(raw))
	if name == "" {
		return "", fmt.Errorf("%s is empty: remove it", path)
	}
	return name, nil
}

// Node is the name of this gateway in items.
func (b *Book) Node() string { return b.node }

// MostListed is how many items one List gives at most.
const MostListed = 500

// List gives items, the newest first: those before the id, from the newest on where it is "".
func (b *Book) List(ctx context.Context, before string, limit int) ([]Item, error) {
	limit = min(max(limit, 1), MostListed)
	q, args := `SELECT `+columns+` FROM quarantine WHERE expires > ?`, []any{database.Micros(b.o.Now())}
	if before != "" {
		q, args = q+` AND id < ?`, append(args, before)
	}
	rows, err := b.o.DB.Query(ctx, q+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("reading the quarantine: %w", err)
	}
	defer rows.Close()
	var items []Item
	for rows.Next() {
		i, _, err := b.row(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the quarantine: %w", err)
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

// Get gives one item. Errors: ErrNone.
func (b *Book) Get(ctx context.Context, id string) (Item, error) {
	i, _, err := b.get(ctx, id)
	return i, err
}

func (b *Book) get(ctx context.Context, id string) (Item, []byte, error) {
	i, key, err := b.row(b.o.DB.QueryRow(ctx, `SELECT `+columns+` FROM quarantine WHERE id = ? AND expires > ?`, id, database.Micros(b.o.Now())))
	if errors.Is(err, sql.ErrNoRows) {
		return Item{}, nil, ErrNone
	}
	if err != nil {
		return Item{}, nil, fmt.Errorf("reading the quarantine: %w", err)
	}
	return i, key, nil
}

// Delete takes an item away, and its file where that is here; another gateway's goes with its next sweep. Errors: ErrNone.
func (b *Book) Delete(ctx context.Context, id string) (Item, error) {
	i, err := b.Get(ctx, id)
	if err != nil {
		return Item{}, err
	}
	if _, err := b.o.DB.Exec(ctx, `DELETE FROM quarantine WHERE id = ?`, id); err != nil {
		return Item{}, fmt.Errorf("deleting from the quarantine: %w", err)
	}
	if i.Node == b.node {
		if err := os.Remove(b.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Item{}, fmt.Errorf("deleting from the quarantine: %w", err)
		}
	}
	return i, nil
}
