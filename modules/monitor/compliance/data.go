package compliance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// tried are names that everybody tries.
var tried = []string{"admin", "administrator", "root", "sa", "test", "guest", "demo", "user", "operator", "support"}

// Read takes from the database what checks look at there. What can't be read stays nil, and the error says why: checks then answer that they can't know.
func (f *Facts) Read(ctx context.Context, db *database.DB) error {
	var failed []string
	for name, read := range map[string]func(context.Context, *database.DB) error{
		"accounts": f.readAccounts, "data keys": f.readDataKeys, "incidents": f.readIncidents, "reviews": f.readReviews,
	} {
		if err := read(ctx, db); err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", name, err))
		}
	}
	if failed != nil {
		return fmt.Errorf("reading what compliance is checked by: %s", strings.Join(failed, "; "))
	}
	return nil
}

// count is the answer to a question for a number.
func count(ctx context.Context, db *database.DB, q string, args ...any) (n int64, err error) {
	err = db.QueryRow(ctx, q, args...).Scan(&n)
	return n, err
}

func (f *Facts) readAccounts(ctx context.Context, db *database.DB) error {
	a, before := new(Accounts), database.Micros(f.At.Add(-StaleAfter))
	privileged, roles := "", []any{}
	for i, r := range Privileged {
		if i > 0 {
			privileged += " OR "
		}
		privileged += "',' || roles || ',' LIKE ?"
		roles = append(roles, "%,"+r+",%")
	}
	names := []any{}
	for _, n := range tried {
		names = append(names, n)
	}
	const people = `SELECT COUNT(*) FROM accounts WHERE kind = 'person' AND disabled = 0`
	for _, q := range []struct {
		to   *int64
		text string
		args []any
	}{
		{&a.People, people, nil},
		{&a.Operators, people + ` AND (` + privileged + `)`, roles},
		{&a.OperatorsNoFactor, people + ` AND (` + privileged + `) AND NOT EXISTS (SELECT 1 FROM second_factors s WHERE s.account = accounts.id)`, roles},
		{&a.Stale, people + ` AND last_auth_at < ? AND created_at < ?`, []any{before, before}},
		{&a.Default, people + ` AND username IN (?` + strings.Repeat(`, ?`, len(tried)-1) + `)`, names},
		{&a.ServiceKeys, `SELECT COUNT(*) FROM service_keys`, nil},
		{&a.Personal, `SELECT COUNT(*) FROM tokens WHERE kind = 'personal' AND ended_at = 0 AND expires_at > ?`, []any{database.Micros(f.At)}},
	} {
		n, err := count(ctx, db, q.text, q.args...)
		if err != nil {
			return err
		}
		*q.to = n
	}
	keys, err := count(ctx, db, `SELECT COUNT(*) FROM service_keys WHERE used_at < ? AND created_at < ?`, before, before)
	if err != nil {
		return err
	}
	tokens, err := count(ctx, db, `SELECT COUNT(*) FROM tokens WHERE kind = 'personal' AND ended_at = 0 AND expires_at > ? AND used_at < ? AND created_at < ?`,
		database.Micros(f.At), before, before)
	a.StaleKeys, f.Accounts = keys+tokens, a
	if err != nil {
		f.Accounts = nil
	}
	return err
}

func (f *Facts) readDataKeys(ctx context.Context, db *database.DB) error {
	k, oldest := new(DataKeys), int64(0)
	err := db.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MIN(CASE WHEN rotated_at > created_at THEN rotated_at ELSE created_at END), 0) FROM data_keys WHERE state = 'active'`).
		Scan(&k.Sets, &oldest)
	if err != nil {
		return err
	}
	if oldest > 0 {
		k.Oldest = time.UnixMicro(oldest).UTC()
	}
	f.DataKeys = k
	return nil
}

func (f *Facts) readIncidents(ctx context.Context, db *database.DB) error {
	const high = 3 // of finding.Level
	waiting, err := count(ctx, db, `SELECT COUNT(*) FROM incidents WHERE state = 'open' AND merged = '' AND level >= ? AND opened < ?`,
		high, database.Micros(f.At.Add(-WaitingAfter)))
	if err != nil {
		return err
	}
	dead, err := count(ctx, db, `SELECT COUNT(*) FROM alerts WHERE state = 'dead' AND created > ?`, database.Micros(f.At.Add(-alertsFor)))
	if err != nil {
		return err
	}
	f.Incidents = &Incidents{Waiting: waiting, DeadAlerts: dead}
	return nil
}

func (f *Facts) readReviews(ctx context.Context, db *database.DB) error {
	last, err := count(ctx, db, `SELECT COALESCE(MAX(closed), 0) FROM reviews WHERE state = 'signed'`)
	if err != nil {
		return err
	}
	f.Reviews = new(Reviews)
	if last > 0 {
		f.Reviews.Last = time.UnixMicro(last).UTC()
	}
	return nil
}

// SigningKeys tells of a ring's keys.
func SigningKeys(all []keyring.Key) *Keys {
	k := new(Keys)
	for _, one := range all {
		if one.State == keyring.Signing {
			k.Signing++
			k.Since = one.From
		}
	}
	return k
}
