package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/convosphere/gateway/backend"
)

// ErrTooLarge is CreateFile's answer to more than backend.MaxStored bytes.
var ErrTooLarge = errors.New("the file is too large")

// CreateFile stores what src gives, and sets f.Size.
func (s *Store) CreateFile(ctx context.Context, f *backend.File, src io.Reader) error {
	if err := s.HasRoom(ctx, f.Room); err != nil {
		return err
	}
	if err := s.writeBytes(f, src); err != nil {
		return err
	}
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO files (id, room, name, type, size, by, at) VALUES (?,?,?,?,?,?,?)`,
			f.ID, f.Room, f.Name, f.Type, f.Size, f.By, micros(f.At))
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("storing a file: %w", err), s.removeBytes(f.ID))
	}
	return nil
}

func (s *Store) writeBytes(f *backend.File, src io.Reader) error {
	tmp, err := os.CreateTemp(s.files, "new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	f.Size, err = io.Copy(tmp, io.LimitReader(src, backend.MaxStored+1))
	if err == nil && f.Size > backend.MaxStored {
		err = ErrTooLarge
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	err = os.Link(tmp.Name(), s.path(f.ID)) // which, unlike a renaming, replaces no other file
	if errors.Is(err, os.ErrExist) {
		return &backend.Error{Code: backend.Invalid, Title: "There is a file of this id"}
	}
	if err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	return s.syncFolder()
}

// File gives a file and its bytes, which the caller closes.
func (s *Store) File(ctx context.Context, id string) (*backend.File, io.ReadSeekCloser, error) {
	var f backend.File
	var at int64
	err := s.read.QueryRowContext(ctx, `SELECT id, room, name, type, size, by, at FROM files WHERE id = ?`, id).
		Scan(&f.ID, &f.Room, &f.Name, &f.Type, &f.Size, &f.By, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, backend.Missing("file")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading a file: %w", err)
	}
	f.At = timeOf(at)
	body, err := os.Open(s.path(f.ID)) // the id as the table has it, never as the client wrote it
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, backend.Missing("file") // its message was deleted this moment
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading a file: %w", err)
	}
	return &f, body, nil
}

func (s *Store) removeBytes(id string) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a file: %w", err)
	}
	return nil
}

func (s *Store) path(id string) string { return filepath.Join(s.files, id) }

// syncFolder makes the names in the folder survive a power cut.
func (s *Store) syncFolder() error {
	dir, err := os.Open(s.files)
	if err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	return nil
}

// sweep removes what a process that was killed left behind: half written files, and those whose message was deleted already.
func (s *Store) sweep(ctx context.Context) error {
	entries, err := os.ReadDir(s.files)
	if err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	for _, e := range entries {
		var one int
		err := s.write.QueryRowContext(ctx, `SELECT 1 FROM files WHERE id = ?`, e.Name()).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			err = s.removeBytes(e.Name())
		}
		if err != nil {
			return fmt.Errorf("tidying the data folder: %w", err)
		}
	}
	return nil
}
