package backup

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Made is a backup that a gateway made by itself, or failed to.
type Made struct {
	ID           string
	Node         string
	File         string // its name; "" there is none
	Began, Ended time.Time
	Size, Rows   int64
	Reason       string // why it failed; "" it was made and verified
	Warning      string // what is wrong with the database that it is of; told once, not remembered
}

// ahead is how far clocks of a fleet may differ.
const ahead = time.Hour

// mostMade is how many are remembered.
const mostMade = 1000

// remember tells the fleet of a backup.
func remember(ctx context.Context, db *database.DB, m Made) error {
	err := db.InTx(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO backups (id, node, file, began, ended, size, held, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			rand.Text(), m.Node, m.File, database.Micros(m.Began), database.Micros(m.Ended), m.Size, m.Rows, m.Reason)
		if err != nil {
			return err
		}
		// What is told to have been made in time to come was made while a clock was wrong.
		if _, err = tx.Exec(ctx, `DELETE FROM backups WHERE began > ?`, database.Micros(m.Ended.Add(ahead))); err != nil {
			return err
		}
		// The last good one is never among those that are forgotten: it says whether another is due.
		_, err = tx.Exec(ctx, `DELETE FROM backups WHERE id NOT IN (SELECT id FROM backups ORDER BY ended DESC LIMIT ?)
			AND id NOT IN (SELECT id FROM backups WHERE reason = '' ORDER BY ended DESC LIMIT 1)`, mostMade)
		return err
	})
	if err != nil {
		return fmt.Errorf("remembering a backup: %w", err)
	}
	return nil
}

const madeColumns = `SELECT id, node, file, began, ended, size, held, reason FROM backups `

func scanMade(row interface{ Scan(...any) error }) (m Made, err error) {
	var began, ended int64
	err = row.Scan(&m.ID, &m.Node, &m.File, &began, &ended, &m.Size, &m.Rows, &m.Reason)
	m.Began, m.Ended = database.Time(began), database.Time(ended)
	return m, err
}

// LastGood is the last backup of the fleet that was made and verified; zero: there was none.
func LastGood(ctx context.Context, db *database.DB) (Made, error) {
	return one(db.QueryRow(ctx, madeColumns+`WHERE reason = '' ORDER BY ended DESC LIMIT 1`))
}

// last is the last one, good or not; zero: there was none.
func last(ctx context.Context, db *database.DB) (Made, error) {
	return one(db.QueryRow(ctx, madeColumns+`ORDER BY ended DESC LIMIT 1`))
}

func one(row *sql.Row) (Made, error) {
	m, err := scanMade(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Made{}, nil
	}
	if err != nil {
		return Made{}, fmt.Errorf("reading the last backup: %w", err)
	}
	return m, nil
}

// All are those that are remembered, the newest first.
func All(ctx context.Context, db *database.DB) (all []Made, err error) {
	rows, err := db.Query(ctx, madeColumns+`ORDER BY ended DESC LIMIT ?`, mostMade+1)
	if err != nil {
		return nil, fmt.Errorf("listing backups: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scanMade(rows)
		if err != nil {
			return nil, fmt.Errorf("listing backups: %w", err)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}
