package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/backend"
)

const roomColumns = `id, name, visibility, created_by, created_at`

// CreateRoom stores the room with its members; where its id is taken it gets another.
func (s *Store) CreateRoom(ctx context.Context, r *backend.Room) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for {
			res, err := tx.ExecContext(ctx, `INSERT INTO rooms (`+roomColumns+`) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
				r.ID, r.Name, r.Visibility, r.CreatedBy, micros(r.CreatedAt))
			if err != nil {
				return fmt.Errorf("storing a room: %w", err)
			}
			if n, err := res.RowsAffected(); err != nil || n == 1 {
				if err != nil {
					return err
				}
				break
			}
			r.Rename()
		}
		for _, user := range r.Members {
			if err := addMember(ctx, tx, r.ID, user); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rooms lists all rooms by name, without their members.
func (s *Store) Rooms(ctx context.Context) ([]backend.Room, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+roomColumns+` FROM rooms ORDER BY name, id`)
	if err != nil {
		return nil, fmt.Errorf("listing the rooms: %w", err)
	}
	defer rows.Close()
	rooms := []backend.Room{}
	for rows.Next() {
		r, err := scanRoom(rows)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, *r)
	}
	return rooms, rows.Err()
}

// Room gives one room with its members, by name.
func (s *Store) Room(ctx context.Context, id string) (*backend.Room, error) {
	r, err := scanRoom(s.read.QueryRowContext(ctx, `SELECT `+roomColumns+` FROM rooms WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, backend.Missing("room")
	}
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT user FROM members WHERE room = ? ORDER BY user`, id)
	if err != nil {
		return nil, fmt.Errorf("listing the members: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var user string
		if err := rows.Scan(&user); err != nil {
			return nil, fmt.Errorf("listing the members: %w", err)
		}
		r.Members = append(r.Members, user)
	}
	return r, rows.Err()
}

// HasRoom says whether the room is there: nil, or backend.NotFound.
func (s *Store) HasRoom(ctx context.Context, id string) error { return hasRoom(ctx, s.read, id) }

// AddMember makes the user a member, who may be one already.
func (s *Store) AddMember(ctx context.Context, room, user string) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := hasRoom(ctx, tx, room); err != nil {
			return err
		}
		return addMember(ctx, tx, room, user)
	})
}

// RemoveMember ends a membership, where there is one.
func (s *Store) RemoveMember(ctx context.Context, room, user string) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := hasRoom(ctx, tx, room); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM members WHERE room = ? AND user = ?`, room, user); err != nil {
			return fmt.Errorf("removing a member: %w", err)
		}
		return nil
	})
}

func addMember(ctx context.Context, tx *sql.Tx, room, user string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO members (room, user) VALUES (?,?) ON CONFLICT DO NOTHING`, room, user)
	if err != nil {
		return fmt.Errorf("adding a member: %w", err)
	}
	return nil
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func hasRoom(ctx context.Context, q queryer, id string) error {
	var one int
	switch err := q.QueryRowContext(ctx, `SELECT 1 FROM rooms WHERE id = ?`, id).Scan(&one); {
	case errors.Is(err, sql.ErrNoRows):
		return backend.Missing("room")
	case err != nil:
		return fmt.Errorf("looking for a room: %w", err)
	}
	return nil
}

func scanRoom(row interface{ Scan(...any) error }) (*backend.Room, error) {
	var r backend.Room
	var at int64
	if err := row.Scan(&r.ID, &r.Name, &r.Visibility, &r.CreatedBy, &at); err != nil {
		return nil, fmt.Errorf("reading a room: %w", err)
	}
	r.CreatedAt = timeOf(at)
	return &r, nil
}
