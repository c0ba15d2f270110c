// Package granttest fills a database with as many grants as a large gateway has.
package granttest

import (
	"context"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// A million relations of 50,000 people to 10,000 rooms: of each room one owner and 98 or 99 members, and every tenth is open to everyone.
const (
	Rooms   = 10_000
	People  = 50_000
	PerRoom = 100
)

// Room and Person are names by number.
func Room(i int) string   { return fmt.Sprintf("room:%05d", i) }
func Person(i int) string { return fmt.Sprintf("person.%05d", i) }

// Owner is the number of the person that owns a room.
func Owner(room int) int { return member(room, 0) }

// Member is the number of one of its members: which is from 2 to PerRoom-1.
func Member(room, which int) int { return member(room, which) }

func member(room, which int) int { return (room*37 + which*501) % People }

const batch = 500

// Fill writes them, past the store: nobody is told.
func Fill(ctx context.Context, db *database.DB) error {
	insert := `INSERT INTO grants (object, subject, relation, kind, at) VALUES (?, ?, ?, 'room', 1)` + strings.Repeat(`, (?, ?, ?, 'room', 1)`, batch-1)
	return db.InTx(ctx, func(tx *database.Tx) error {
		args := make([]any, 0, 3*batch)
		for room := range Rooms {
			for which := range PerRoom {
				relation, who := "member", Person(member(room, which))
				switch {
				case which == 0:
					relation = "owner"
				case which == 1 && room%10 == 0:
					relation, who = "viewer", "*"
				}
				if args = append(args, Room(room), who, relation); len(args) < cap(args) {
					continue
				}
				if _, err := tx.Exec(ctx, insert, args...); err != nil {
					return fmt.Errorf("filling the grants: %w", err)
				}
				args = args[:0]
			}
		}
		return nil
	})
}
