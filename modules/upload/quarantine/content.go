package quarantine

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/owner"
	"github.com/convosphere/gateway/modules/upload/spool"
)

const suffix = ".sealed"

func (b *Book) path(id string) string { return filepath.Join(b.o.Dir, id+suffix) }

// Put keeps a file: i says what is known of it, but for its ID, Node, times and SHA256. Nothing gives way for it: who sends much that is refused
// must not drive out what an operator has not looked at. For the same reason one sender has a quarter of the room, as have all who are not
// signed in together. Errors: ErrTooLong, ErrFull, those of content, of the disk and of the database.
func (b *Book) Put(ctx context.Context, i Item, content io.ReaderAt) (Item, error) {
	if i.Size > b.o.File {
		return Item{}, ErrTooLong
	}
	b.putting.Lock()
	defer b.putting.Unlock()
	if err := b.room(ctx, i); err != nil {
		return Item{}, err
	}
	now := b.o.Now()
	id, err := ulid.New(ulid.Timestamp(now), rand.Reader)
	if err != nil {
		return Item{}, fmt.Errorf("naming a file in quarantine: %w", err)
	}
	i.ID, i.Node, i.At, i.Expires = id.String(), b.node, now.UTC(), now.Add(b.o.Keep).UTC()
	s := secret{Name: i.Name, Key: make([]byte, spool.KeySize)}
	if _, err := rand.Read(s.Key); err != nil {
		return Item{}, err
	}
	if i.SHA256, err = write(b.path(i.ID), s.Key, io.NewSectionReader(content, 0, i.Size)); err != nil {
		return Item{}, err
	}
	if err := b.insert(ctx, i, s); err != nil {
		return Item{}, errors.Join(err, os.Remove(b.path(i.ID)))
	}
	return i, nil
}

// room refuses what there is no room for.
func (b *Book) room(ctx context.Context, i Item) error {
	var all, own int64
	if err := b.o.DB.QueryRow(ctx, `SELECT COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN account = ? THEN size ELSE 0 END), 0) FROM quarantine WHERE node = ?`,
		i.Account, b.node).Scan(&all, &own); err != nil {
		return fmt.Errorf("looking how full the quarantine is: %w", err)
	}
	if all+i.Size > b.o.Total || own+i.Size > max(b.o.Total/4, b.o.File) {
		return ErrFull
	}
	return nil
}

func (b *Book) insert(ctx context.Context, i Item, s secret) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := b.o.Keys.Seal(plain, place(i.ID))
	if err != nil {
		return fmt.Errorf("sealing a file's key: %w", err)
	}
	if _, err := b.o.DB.Exec(ctx, `INSERT INTO quarantine (`+columns+`) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.ID, i.Node, database.Micros(i.At), database.Micros(i.Expires), i.Size, i.SHA256, i.Type, strings.Join(i.Rules, " "), i.Signature, i.Route, i.Request,
		i.Account, sealed); err != nil {
		return fmt.Errorf("writing to the quarantine: %w", err)
	}
	return nil
}

// write encrypts content into a new file, and gives the hash of the plaintext.
func write(path string, key []byte, content io.Reader) (sum string, err error) {
	box, err := spool.NewBox(key)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("making a file in quarantine: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("writing a file in quarantine: %w", err), os.Remove(path))
		}
	}()
	if err := owner.Inherit(f); err != nil {
		return "", err
	}
	h, plain, sealed := sha256.New(), make([]byte, spool.Chunk), make([]byte, 0, spool.Chunk+64)
	for index := int64(0); ; index++ {
		n, readErr := io.ReadFull(content, plain)
		h.Write(plain[:n])
		if n > 0 {
			sealed = box.Seal(sealed[:0], index, plain[:n])
			if _, err := f.Write(sealed); err != nil {
				return "", err
			}
		}
		switch readErr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return hex.EncodeToString(h.Sum(nil)), f.Sync()
		default:
			return "", readErr
		}
	}
}

// Export writes what an item holds. At an error, what was written is not all of it, or not what was refused. Errors: ErrNone, ErrElsewhere.
func (b *Book) Export(ctx context.Context, id string, w io.Writer) error {
	i, key, err := b.get(ctx, id)
	if err != nil {
		return err
	}
	if i.Node != b.node {
		return fmt.Errorf("%w: %s", ErrElsewhere, i.Node)
	}
	f, err := os.Open(b.path(i.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone // as after the restore of a backup, which has no files
	}
	if err != nil {
		return fmt.Errorf("reading a file in quarantine: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if err := read(f, key, io.MultiWriter(w, h)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != i.SHA256 {
		return errors.New("the file in quarantine is not whole")
	}
	return nil
}

func read(f io.Reader, key []byte, w io.Writer) error {
	box, err := spool.NewBox(key)
	if err != nil {
		return err
	}
	in, sealed, plain := bufio.NewReader(f), make([]byte, spool.Offset(1)), make([]byte, 0, spool.Chunk)
	for index := int64(0); ; index++ {
		n, err := io.ReadFull(in, sealed)
		if err == io.EOF {
			return nil
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("reading a file in quarantine: %w", err)
		}
		if plain, err = box.Open(plain[:0], index, sealed[:n]); err != nil {
			return fmt.Errorf("reading a file in quarantine: %w", err)
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
	}
}
