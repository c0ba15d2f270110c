package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/backend"
)

// CreateMessage stores the message. A file that it carries must be of its room, uploaded by its author, and on no other message.
func (s *Store) CreateMessage(ctx context.Context, m *backend.Message) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := hasRoom(ctx, tx, m.Room); err != nil {
			return err
		}
		var file any
		if a := m.File; a != nil {
			file = a.ID
			err := tx.QueryRowContext(ctx, `SELECT name, type, size FROM files WHERE id = ? AND room = ? AND by = ?
				AND NOT EXISTS (SELECT 1 FROM messages WHERE file = files.id)`, a.ID, m.Room, m.Author).Scan(&a.Name, &a.Type, &a.Size)
			if errors.Is(err, sql.ErrNoRows) {
				return &backend.Error{Code: backend.Invalid, Title: "The message's file is not there, or sent already"}
			}
			if err != nil {
				return fmt.Errorf("looking for a message's file: %w", err)
			}
		}
		if err := newMessage(ctx, tx, m.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO messages (id, room, author, text, at, file) VALUES (?,?,?,?,?,?)`,
			m.ID, m.Room, m.Author, m.Text, micros(m.At), file)
		if err != nil {
			return fmt.Errorf("storing a message: %w", err)
		}
		return nil
	})
}

// newMessage refuses an id that a message has already, in any room: who may delete one, others know by its id alone.
func newMessage(ctx context.Context, tx *sql.Tx, id string) error {
	var one int
	switch err := tx.QueryRowContext(ctx, `SELECT 1 FROM messages WHERE id = ?`, id).Scan(&one); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("looking for a message: %w", err)
	}
	return &backend.Error{Code: backend.Invalid, Title: "There is a message of this id"}
}

// Messages gives a room's newest messages, oldest first, at most limit, those before the id `before` where it is set; and the id to
// go on from, "" where there are no older ones.
func (s *Store) Messages(ctx context.Context, room, before string, limit int) ([]backend.Message, string, error) {
	if err := s.HasRoom(ctx, room); err != nil {
		return nil, "", err
	}
	kind := 2 // after every id
	if before != "" {
		kind = kindOf(before)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT m.id, m.author, m.text, m.at, f.id, f.name, f.type, f.size
		FROM messages m LEFT JOIN files f ON f.id = m.file WHERE m.room = ? AND (m.ulid, m.id) < (?, ?)
		ORDER BY m.ulid DESC, m.id DESC LIMIT ?`, room, kind, before, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("listing messages: %w", err)
	}
	defer rows.Close()
	found := []backend.Message{}
	for rows.Next() {
		m := backend.Message{Room: room}
		var at int64
		var id, name, mediaType sql.NullString
		var size sql.NullInt64
		if err := rows.Scan(&m.ID, &m.Author, &m.Text, &at, &id, &name, &mediaType, &size); err != nil {
			return nil, "", fmt.Errorf("reading a message: %w", err)
		}
		m.At = timeOf(at)
		if id.Valid {
			m.File = &backend.Attachment{ID: id.String, Name: name.String, Type: mediaType.String, Size: size.Int64}
		}
		found = append(found, m)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("listing messages: %w", err)
	}
	next := ""
	if len(found) > limit { // one more than asked for: there is an older page
		found = found[:limit]
		next = found[limit-1].ID
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return found, next, nil
}

// kindOf is what the table calls ulid: the ids of before, UUIDs, sort before all ULIDs.
func kindOf(id string) int {
	if len(id) == 26 {
		return 1
	}
	return 0
}

// DeleteMessage removes a message of this room, and the file that it carried.
func (s *Store) DeleteMessage(ctx context.Context, room, id string) error {
	var file sql.NullString
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT file FROM messages WHERE room = ? AND id = ?`, room, id).Scan(&file)
		if errors.Is(err, sql.ErrNoRows) {
			return backend.Missing("message")
		}
		if err != nil {
			return fmt.Errorf("looking for a message: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM messages WHERE room = ? AND id = ?`, room, id); err != nil {
			return fmt.Errorf("deleting a message: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM files WHERE id = ?`, file); err != nil {
			return fmt.Errorf("deleting a message's file: %w", err)
		}
		return nil
	})
	if err == nil && file.Valid {
		err = s.removeBytes(file.String)
	}
	return err
}
