package session

import (
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// crowd is what a database was filled with.
type crowd struct {
	*node
	hash     string
	accounts []string // ids
	sessions int
}

// fill brings the database to so many accounts, each with a name and an index of a mail address, and so many living sessions of them.
func (c *crowd) fill(accounts, sessions int) {
	c.t.Helper()
	now := database.Micros(c.Now())
	first := len(c.accounts)
	for range accounts - first {
		c.accounts = append(c.accounts, rand.Text())
	}
	c.insert(`accounts (id, username, roles, password, created_at, password_changed_at, email_index)`, accounts-first, func(i int) []any {
		return []any{c.accounts[first+i], name(first + i), "user", c.hash, now, now, rand.Text() + rand.Text()}
	})
	later := database.Micros(c.Now().Add(20 * time.Minute))
	c.insert(`sessions (id, account, created_at, auth_time, amr, user_agent, ip, idle_at, absolute_at, refresh, rotated_at, access_until)`, sessions-c.sessions, func(int) []any {
		return []any{rand.Text(), c.accounts[mrand.IntN(accounts)], now, now, "pwd", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "192.0.2.1", later, later,
			rand.Text() + rand.Text(), now, now}
	})
	c.sessions = sessions
	if dbtest.Postgres() { // as autovacuum would before long
		if _, err := c.DB.Exec(ctx, `ANALYZE`); err != nil {
			c.t.Fatal(err)
		}
	}
}

func name(i int) string { return fmt.Sprintf("person%07d", i) }

func (c *crowd) insert(into string, n int, row func(i int) []any) {
	c.t.Helper()
	columns := strings.Count(into, ",") + 1
	one := "(?" + strings.Repeat(", ?", columns-1) + ")"
	for done := 0; done < n; {
		err := c.DB.InTx(ctx, func(tx *database.Tx) error {
			for end := min(n, done+20_000); done < end; {
				rows := min(200, end-done)
				var values []any
				for i := range rows {
					values = append(values, row(done+i)...)
				}
				if _, err := tx.Exec(ctx, `INSERT INTO `+into+` VALUES `+one+strings.Repeat(", "+one, rows-1), values...); err != nil {
					return err
				}
				done += rows
			}
			return nil
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// took is how long something takes: the median, and the least, which other load on the machine hardly changes.
type took struct{ median, least time.Duration }

// timed runs f so many times.
func (c *crowd) timed(times int, f func(i int) error) took {
	c.t.Helper()
	all := make([]time.Duration, times)
	for i := range all {
		began := time.Now()
		if err := f(i); err != nil {
			c.t.Fatal(err)
		}
		all[i] = time.Since(began)
	}
	slices.Sort(all)
	return took{all[times/2], all[0]}
}

// look measures what a login and a request ask the database, with others signed in.
func (c *crowd) look() (what []string, times []took) {
	c.t.Helper()
	const runs = 100
	who := func() int { return mrand.IntN(len(c.accounts)) }
	var signedIn []Result
	for i := range runs {
		r, err := c.Login(ctx, attempt(name(i*(len(c.accounts)/runs))))
		if err != nil {
			c.t.Fatal(err)
		}
		signedIn = append(signedIn, r)
	}
	other := c.beside() // has none of them in memory
	for _, one := range []struct {
		what string
		f    func(i int) error
	}{
		{"account by name", func(int) error { _, err := c.Accounts.ByLogin(ctx, name(who())); return err }},
		{"account by mail, none", func(int) error {
			if _, err := c.Accounts.ByLogin(ctx, rand.Text()+"@example.com"); err == nil {
				return fmt.Errorf("somebody has that address")
			}
			return nil
		}},
		{"session of an unknown token", func(i int) error { _, err := other.Verify(ctx, signedIn[i].Tokens.Access); return err }},
		{"session's deadline", func(i int) error { _, err := c.Deadline(ctx, signedIn[i].Identity.Session); return err }},
		{"sessions of an account", func(i int) error { _, err := c.Sessions(ctx, signedIn[i].Identity); return err }},
		{"refresh", func(i int) error { _, err := c.Refresh(ctx, signedIn[i].Tokens.Refresh); return err }},
		{"login, with a hash of no cost", func(int) error { _, err := c.Login(ctx, attempt(name(who()))); return err }},
	} {
		what, times = append(what, one.what), append(times, c.timed(runs, one.f))
	}
	return what, times
}

// What a login and a request ask takes as long with many accounts and sessions as with few. GW_ACCOUNTS says how many (a million, for the
// figures that `make measure` prints); sessions are a fifth.
func TestLookupsHardlyGrow(t *testing.T) {
	least, most := 200, 4000
	if v := os.Getenv("GW_ACCOUNTS"); v != "" {
		var err error
		if most, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
		least = 1000
	}
	n := newNode(t)
	hash, err := n.Accounts.Hash(ctx, password, name(0))
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{node: n, hash: hash}
	store := "SQLite"
	if dbtest.Postgres() {
		store = "PostgreSQL"
	}
	var first []took
	for accounts := least; ; accounts = min(accounts*20, most) {
		c.fill(accounts, accounts/5)
		what, times := c.look()
		if first == nil {
			first = times
		}
		for i, d := range times {
			t.Logf("%-10s %9d accounts %7d sessions  %-30s %7.0f µs  %.2f× the first", store, accounts, accounts/5, what[i],
				float64(d.median.Nanoseconds())/1e3, float64(d.median)/float64(first[i].median))
			// A table that is read through takes 20 times as long, or more, also at the quickest of all the runs.
			if d.least > 6*first[i].least+time.Millisecond/2 {
				t.Errorf("%s: %s with %d accounts, %s with %d", what[i], d.least, accounts, first[i].least, least)
			}
		}
		if accounts == most {
			return
		}
	}
}
