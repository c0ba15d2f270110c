package factor

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	totpPeriod = 30 // seconds (RFC 6238)
	totpSkew   = 1  // steps before and after the clock's that are taken
	totpSecret = 20 // bytes
)

// NewTOTPSecret makes a secret of 160 bits, base32.
func NewTOTPSecret() string {
	b := make([]byte, totpSecret)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// TOTPURI is what an authenticator app scans. label names the service.
func TOTPURI(label, username, secret string) string {
	// Spelt out: some apps take "+" for a plus, and miss defaults.
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=6&period=%d",
		url.PathEscape(label), url.PathEscape(username), secret, strings.ReplaceAll(url.QueryEscape(label), "+", "%20"), totpPeriod)
}

// MatchTOTP returns the highest step, of those near now, whose code this is. Blanks in the code are ignored.
func MatchTOTP(secret, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	at := now.Unix() / totpPeriod
	for s := at - totpSkew; s <= at+totpSkew; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// AddTOTP puts an authenticator app in force. step is that of the code that confirmed it, spent by that; 0 where an operator set
// it up. The account's row must have been changed in tx before. Errors: ErrMany.
func (s *Store) AddTOTP(ctx context.Context, tx *database.Tx, now time.Time, owner, name, secret string, step int64) (id string, err error) {
	return s.add(ctx, tx, now, owner, added{kind: TOTP, name: name, secret: []byte(secret), counter: step})
}

// RemoveTOTP takes all authenticator apps of the account away; with them go the recovery codes where nothing else is left. The account's row must
// have been changed in tx before. Errors: account.ErrNotFound.
func (s *Store) RemoveTOTP(ctx context.Context, tx *database.Tx, owner string) error {
	n, err := affected(tx.Exec(ctx, `DELETE FROM second_factors WHERE account = ? AND kind = 'totp'`, owner))
	if err != nil {
		return fmt.Errorf("removing a second factor: %w", err)
	}
	if n == 0 {
		return account.ErrNotFound
	}
	var left int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM second_factors WHERE account = ?`, owner).Scan(&left); err != nil {
		return fmt.Errorf("removing a second factor: %w", err)
	}
	if left == 0 {
		_, err = s.RemoveAll(ctx, tx, owner)
	}
	return err
}

// secretOf is an authenticator app of somebody.
type secretOf struct{ id, secret string }

func (s *Store) totps(ctx context.Context, owner string) ([]secretOf, error) {
	rows, err := s.db.Query(ctx, `SELECT id, secret FROM second_factors WHERE account = ? AND kind = 'totp' ORDER BY created_at, id`, owner)
	if err != nil {
		return nil, fmt.Errorf("reading second factors: %w", err)
	}
	defer rows.Close()
	var all []secretOf
	for rows.Next() {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return nil, fmt.Errorf("reading second factors: %w", err)
		}
		secret, err := s.keys.Unseal(sealed, secretPlace(id))
		if err != nil {
			return nil, fmt.Errorf("reading second factors: %w", err)
		}
		all = append(all, secretOf{id, string(secret)})
	}
	return all, rows.Err()
}

// SpendTOTP takes a code of any of the account's authenticator apps, once, and tells which it was: of parallel callers with one code, one
// succeeds. Wrong ones are counted for the account. Errors: account.ErrCode, account.Throttled, account.ErrNotFound where the account has no such factor.
func (s *Store) SpendTOTP(ctx context.Context, now time.Time, owner, code string) (id string, err error) {
	return s.spend(ctx, now, owner, code, s.chargeGuess)
}

// SpendTOTPUncounted does the same for a caller who limits the tries otherwise.
func (s *Store) SpendTOTPUncounted(ctx context.Context, now time.Time, owner, code string) (id string, err error) {
	return s.spend(ctx, now, owner, code, func(context.Context, time.Time, string) error { return nil })
}

func (s *Store) spend(ctx context.Context, now time.Time, owner, code string, charge func(context.Context, time.Time, string) error) (id string, err error) {
	all, err := s.totps(ctx, owner)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", account.ErrNotFound
	}
	if err := charge(ctx, now, owner); err != nil {
		return "", err
	}
	for _, f := range all {
		step, ok := MatchTOTP(f.secret, code, now)
		if !ok {
			continue
		}
		spent, err := s.forward(ctx, now, owner, f.id, step)
		if err != nil {
			return "", err
		}
		if spent {
			return f.id, nil
		}
	}
	return "", account.ErrCode
}

// forward moves an app's watermark and forgets the account's wrong codes. The watermark only moves forward: the code, and every older one, is
// spent by whoever moves it.
func (s *Store) forward(ctx context.Context, now time.Time, owner, id string, step int64) (spent bool, err error) {
	n, err := affected(s.db.Exec(ctx, `UPDATE second_factors SET counter = ?, used_at = ? WHERE id = ? AND counter < ?`,
		step, database.Micros(now), id, step))
	if err != nil {
		return false, fmt.Errorf("spending a code: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	if _, err := s.db.Exec(ctx, `UPDATE accounts SET code_failures = 0, code_locked_until = 0 WHERE id = ?`, owner); err != nil {
		return false, fmt.Errorf("forgetting wrong codes: %w", err)
	}
	return true, nil
}
