package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// people gathers who is in events that are written to it.
type people struct {
	rest []byte
	seen map[string]*person
}

type person struct {
	roles []string
	last  time.Time
}

func newPeople() *people { return &people{seen: map[string]*person{}} }

var idOf = []byte(`"user.id":"`)

// Write implements io.Writer.
func (p *people) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
		if !ok {
			p.rest = append([]byte(nil), line...)
			return len(b), nil
		}
		p.rest = rest
		if err := p.take(line); err != nil {
			return 0, err
		}
	}
}

func (p *people) take(line []byte) error {
	if !bytes.Contains(line, idOf) {
		return nil
	}
	var e struct {
		At    time.Time `json:"@timestamp"`
		ID    string    `json:"user.id"`
		Roles []string  `json:"user.roles"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	who := p.seen[e.ID]
	if who == nil {
		who = &person{}
		p.seen[e.ID] = who
	}
	if who.last = e.At; len(e.Roles) > 0 {
		who.roles = e.Roles
	}
	return nil
}

var (
	given  = []string{"alba", "bruno", "chiara", "dario", "elif", "farid", "greta", "hugo", "ines", "jonas", "kaya", "lena", "milan", "nora", "oskar", "paula", "quinn", "rosa", "samir", "tilda", "umut", "vera", "wanda", "yara", "zeno"}
	family = []string{"adler", "brandt", "costa", "duarte", "ek", "fischer", "garcia", "hansen", "ito", "jensen", "kowal", "lindt", "moreau", "novak", "okafor", "petrov", "rossi", "silva", "tanaka", "ueda", "vogel", "weber", "yilmaz", "zhang"}
)

// add makes accounts with the ids of the events, and with the password of one that there is: hashing each would take longer than all else.
func (p *people) add(ctx context.Context, db *database.DB, now time.Time) (n int, err error) {
	rng := rand.New(rand.NewPCG(1, 1))
	err = db.InTx(ctx, func(tx *database.Tx) error {
		for i, id := range slices.Sorted(maps.Keys(p.seen)) {
			who := p.seen[id]
			name := given[i%len(given)] + "." + family[i/len(given)%len(family)]
			if round := i / (len(given) * len(family)); round > 0 {
				name += fmt.Sprint(round + 1)
			}
			roles := "user"
			if len(who.roles) > 0 {
				roles = who.roles[0]
			}
			if roles == "admin" { // the demo has its own
				roles = "moderator"
			}
			made := now.Add(-time.Duration(10+rng.IntN(700)) * 24 * time.Hour)
			r, err := tx.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at, last_auth_at, disabled)
				SELECT ?, ?, ?, password, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT) FROM accounts WHERE username = 'ursula' AND NOT EXISTS (SELECT 1 FROM accounts WHERE id = ? OR username = ?)`,
				id, name, roles, database.Micros(made), database.Micros(made), database.Micros(who.last), rng.IntN(60)/59, id, name)
			if err != nil {
				return err
			}
			added, err := r.RowsAffected()
			if err != nil {
				return err
			}
			n += int(added)
		}
		return nil
	})
	return n, err
}
