package device

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Visit is a login that is complete but for its session.
type Visit struct {
	Account   string
	Revision  int64 // of the account
	Client    reqctx.Client
	UserAgent string
	Browser   bool      // it can keep a cookie
	Cookie    string    // what it sent
	Trust     time.Time // trust the device until then; zero: leave it as it is
}

// Arrival is what became of a visit.
type Arrival struct {
	Device Device
	New    bool   // the account was not used from there before
	First  bool   // nor from anywhere: there is nothing to compare it with
	Cookie string // for the browser to keep, for Life; "" for a program

	NewCountry bool       // the account was used before, and never from this one
	LastIP     netip.Addr // where the last login came from; zero: it is the first, or that is not known
	LastAt     time.Time  // and when
}

type querier interface {
	Query(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

const columns = `SELECT id, account, secret, user_agent, ip, country, created_at, used_at, trusted_until, revision FROM devices `

func (s *Store) query(ctx context.Context, q querier, where string, args ...any) (all []Device, secrets []string, err error) {
	rows, err := q.Query(ctx, columns+where, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading devices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Device
		var secret string
		var created, used, trusted int64
		if err := rows.Scan(&d.ID, &d.Account, &secret, &d.UserAgent, &d.IP, &d.Country, &created, &used, &trusted, &d.revision); err != nil {
			return nil, nil, fmt.Errorf("reading devices: %w", err)
		}
		if err := s.unseal(&d); err != nil {
			return nil, nil, fmt.Errorf("reading devices: %w", err)
		}
		d.Browser = secret != ""
		d.CreatedAt, d.UsedAt, d.TrustedUntil = database.Time(created), database.Time(used), database.Time(trusted)
		all, secrets = append(all, d), append(secrets, secret)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("reading devices: %w", err)
	}
	return all, secrets, nil
}

func (s *Store) unseal(d *Device) (err error) {
	if d.IP, err = s.keys.UnsealText(d.IP, ipPlace(d.ID)); err == nil {
		d.UserAgent, err = s.keys.UnsealText(d.UserAgent, agentPlace(d.ID))
	}
	return err
}

// Holder returns the devices whose secrets the cookie holds, of whichever account.
func (s *Store) Holder(ctx context.Context, now time.Time, cookie string) ([]Device, error) {
	return s.held(ctx, s.db, now, pairs(cookie))
}

func (s *Store) held(ctx context.Context, q querier, now time.Time, given []pair) ([]Device, error) {
	if len(given) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(given)+1)
	for _, p := range given {
		args = append(args, p.id)
	}
	found, secrets, err := s.query(ctx, q, `WHERE id IN (?`+strings.Repeat(`, ?`, len(given)-1)+`) AND secret <> '' AND used_at > ?`,
		append(args, database.Micros(now.Add(-Life)))...)
	if err != nil {
		return nil, err
	}
	var known []Device
	for i, d := range found {
		for _, p := range given {
			if p.id == d.ID && subtle.ConstantTimeCompare([]byte(hash(p.secret)), []byte(secrets[i])) == 1 {
				known = append(known, d)
				break
			}
		}
	}
	return known, nil
}

// Known returns the account's device whose secret the cookie holds.
func (s *Store) Known(ctx context.Context, now time.Time, account, cookie string) (Device, bool, error) {
	all, err := s.Holder(ctx, now, cookie)
	d, ok := of(all, account)
	return d, ok, err
}

func of(all []Device, account string) (Device, bool) {
	for _, d := range all {
		if d.Account == account {
			return d, true
		}
	}
	return Device{}, false
}

// Arrive notes a login. The account's row must have been claimed in tx before, so that two logins at once do not both make a device.
func (s *Store) Arrive(ctx context.Context, tx *database.Tx, now time.Time, v Visit) (Arrival, error) {
	r, count, err := s.before(ctx, tx, now, v)
	if err != nil {
		return Arrival{}, err
	}
	given := pairs(v.Cookie)
	var known Device
	if v.Browser {
		var all []Device
		all, err = s.held(ctx, tx, now, given)
		known, r.New = of(all, v.Account)
	} else {
		known, r.New, err = s.ownProgram(ctx, tx, now, v.Account, s.program(v))
	}
	if err != nil {
		return Arrival{}, err
	}
	r.New = !r.New
	if r.New {
		r.Device, r.Cookie, err = s.add(ctx, tx, now, v, given, count)
	} else {
		r.Device, r.Cookie = known, again(known, given)
	}
	if err != nil {
		return Arrival{}, err
	}
	return r, s.use(ctx, tx, now, v, &r.Device)
}

// before reads what the account was used from until now, and notes the country.
func (s *Store) before(ctx context.Context, tx *database.Tx, now time.Time, v Visit) (r Arrival, count int, err error) {
	var at int64
	var id, ip string
	err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM devices WHERE account = ?`, v.Account).Scan(&count)
	if err == nil && count > 0 {
		err = tx.QueryRow(ctx, `SELECT id, ip, used_at FROM devices WHERE account = ? ORDER BY used_at DESC, id LIMIT 1`, v.Account).Scan(&id, &ip, &at)
	}
	if err == nil {
		ip, err = s.keys.UnsealText(ip, ipPlace(id))
	}
	if err != nil {
		return r, 0, fmt.Errorf("reading devices: %w", err)
	}
	r.First = count == 0
	if addr, err := netip.ParseAddr(ip); err == nil {
		r.LastIP, r.LastAt = addr, database.Time(at)
	}
	if v.Client.Country == "" {
		return r, count, nil
	}
	var known, all int
	err = tx.QueryRow(ctx, `SELECT COUNT(*), COUNT(CASE WHEN country = ? THEN 1 END) FROM login_countries WHERE account = ?`, v.Client.Country, v.Account).Scan(&all, &known)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO login_countries (account, country, used_at) VALUES (?, ?, ?)
			ON CONFLICT (account, country) DO UPDATE SET used_at = excluded.used_at`, v.Account, v.Client.Country, database.Micros(now))
	}
	if err != nil {
		return r, count, fmt.Errorf("noting the country of a login: %w", err)
	}
	r.NewCountry = all > 0 && known == 0
	return r, count, nil
}

func (s *Store) ownProgram(ctx context.Context, tx *database.Tx, now time.Time, account, id string) (Device, bool, error) {
	found, _, err := s.query(ctx, tx, `WHERE id = ? AND account = ? AND used_at > ?`, id, account, database.Micros(now.Add(-Life)))
	if err != nil || len(found) == 0 {
		return Device{}, false, err
	}
	return found[0], true, nil
}

// again is the cookie of a browser that is known: the same, for another Life.
func again(d Device, given []pair) string {
	for _, p := range given {
		if p.id == d.ID {
			return p.first(given)
		}
	}
	return ""
}

// add writes a new device, in place of the oldest where the account has as many as it may.
func (s *Store) add(ctx context.Context, tx *database.Tx, now time.Time, v Visit, given []pair, count int) (d Device, cookie string, err error) {
	if over := count + 1 - most; over > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE account = ? ORDER BY used_at, id LIMIT ?)`, v.Account, over); err != nil {
			return d, "", fmt.Errorf("forgetting old devices: %w", err)
		}
	}
	p, stored := pair{id: s.program(v)}, ""
	if v.Browser {
		p = newPair()
		cookie, stored = p.first(given), hash(p.secret)
	}
	d = Device{ID: p.id, Account: v.Account, Browser: v.Browser, CreatedAt: now}
	// A program's row may be there still, unused for longer than Life.
	if _, err := tx.Exec(ctx, `DELETE FROM devices WHERE id = ?`, d.ID); err != nil {
		return d, "", fmt.Errorf("adding a device: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO devices (id, account, secret, user_agent, ip, country, created_at, used_at) VALUES (?, ?, ?, '', '', '', ?, ?)`,
		d.ID, d.Account, stored, database.Micros(now), database.Micros(now)); err != nil {
		return d, "", fmt.Errorf("adding a device: %w", err)
	}
	return d, cookie, nil
}

// use writes what the login tells of the device.
func (s *Store) use(ctx context.Context, tx *database.Tx, now time.Time, v Visit, d *Device) error {
	d.UserAgent, d.Country, d.UsedAt, d.IP = v.UserAgent, v.Client.Country, now, ""
	if v.Client.IP.IsValid() {
		d.IP = v.Client.IP.String()
	}
	if d.Browser && !v.Trust.IsZero() {
		d.TrustedUntil, d.revision = v.Trust, v.Revision
	}
	ip, err := s.keys.SealText(d.IP, ipPlace(d.ID))
	if err != nil {
		return fmt.Errorf("noting a device's use: %w", err)
	}
	agent, err := s.keys.SealText(d.UserAgent, agentPlace(d.ID))
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE devices SET user_agent = ?, ip = ?, country = ?, used_at = ?, trusted_until = ?, revision = ? WHERE id = ?`,
			agent, ip, d.Country, database.Micros(now), database.Micros(d.TrustedUntil), d.revision, d.ID)
	}
	if err != nil {
		return fmt.Errorf("noting a device's use: %w", err)
	}
	return nil
}

// List returns the account's devices, the last used first.
func (s *Store) List(ctx context.Context, now time.Time, account string) ([]Device, error) {
	all, _, err := s.query(ctx, s.db, `WHERE account = ? AND used_at > ? ORDER BY used_at DESC, id`, account, database.Micros(now.Add(-Life)))
	return all, err
}

// Forget deletes one device of the account. Errors: ErrNotFound.
func (s *Store) Forget(ctx context.Context, tx *database.Tx, account, id string) error {
	r, err := tx.Exec(ctx, `DELETE FROM devices WHERE id = ? AND account = ?`, id, account)
	if err != nil {
		return fmt.Errorf("forgetting a device: %w", err)
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Prune deletes devices that are not known any more, some at a time so that no writer waits long.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	before := database.Micros(now.Add(-Life))
	for _, q := range []string{
		`DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE used_at < ? LIMIT 500)`,
		`DELETE FROM login_countries WHERE account IN (SELECT account FROM login_countries WHERE used_at < ? LIMIT 500) AND used_at < ?`,
	} {
		args := []any{before, before}[:strings.Count(q, "?")]
		for {
			r, err := s.db.Exec(ctx, q, args...)
			if err != nil {
				return fmt.Errorf("forgetting old devices: %w", err)
			}
			n, err := r.RowsAffected()
			if err != nil {
				return fmt.Errorf("forgetting old devices: %w", err)
			}
			if n < 500 {
				break
			}
		}
	}
	return nil
}
