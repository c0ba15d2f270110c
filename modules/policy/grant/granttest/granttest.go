// Package granttest fills a database with as many grants as a large gateway has.
package granttest

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

// A million relations of 50,000 people to 10,000 rooms: of each room one owner and 98 or 99 members, and every tenth is open to everyone.
const (
	Rooms   = 10_000
	People  = 50_000
	PerRoom = 100
)

// Room and Person are names by number.
func Room(i int) string   { return fmt.Sprint("room:", i) }
func Person(i int) string { return fmt.Sprint("person.", i) }

// Owner is the number of the person that owns a room.
func Owner(room int) int { return Member(room, 0) }

// Member is the number of one of its members: which is from 2 to PerRoom-1.
func Member(room, which int) int { return (room*37 + which*501) % People }

// Fill writes those of so many rooms, past the store: nobody is told.
func Fill(ctx context.Context, db *database.DB, rooms int) error {
	_, err := db.Exec(ctx, `INSERT INTO grants (object, subject, relation, kind, at)
		WITH RECURSIVE n (room, which) AS (SELECT 0, 0 UNION ALL
			SELECT room + (which + 1) / 100, (which + 1) % 100 FROM n WHERE room * 100 + which + 1 < ?)
		SELECT 'room:' || room,
			CASE WHEN which = 1 AND room % 10 = 0 THEN '*' ELSE 'person.' || ((room * 37 + which * 501) % 50000) END,
			CASE WHEN which = 0 THEN 'owner' WHEN which = 1 AND room % 10 = 0 THEN 'viewer' ELSE 'member' END, 'room', 1 FROM n`, rooms*PerRoom)
	if err != nil {
		return fmt.Errorf("filling the grants: %w", err)
	}
	return nil
}
