package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
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

func secretPlace(id string) string { return store.Key("second_factors", "secret", id) }

// AddTOTP puts a second factor in force. step is that of the code that confirmed it, spent by that; 0 where an operator set
// it up. Errors: ErrExists.
func (s *Store) AddTOTP(ctx context.Context, tx *database.Tx, now time.Time, account, secret string, step int64) error {
	id := rand.Text()
	sealed, err := s.keys.Seal([]byte(secret), secretPlace(id))
	if err != nil {
		return fmt.Errorf("sealing a second factor: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO second_factors (id, account, kind, secret, last_step, created_at) VALUES (?, ?, 'totp', ?, ?, ?)`,
		id, account, sealed, step, database.Micros(now))
	if database.IsDuplicate(err) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("storing a second factor: %w", err)
	}
	return nil
}

// RemoveTOTP takes the second factor away, and forgets the wrong codes given for it. Errors: ErrNotFound.
func (s *Store) RemoveTOTP(ctx context.Context, tx *database.Tx, account string) error {
	n, err := affected(tx.Exec(ctx, `DELETE FROM second_factors WHERE account = ? AND kind = 'totp'`, account))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE accounts SET code_failures = 0, code_locked_until = 0 WHERE id = ?`, account)
	}
	if err != nil {
		return fmt.Errorf("removing a second factor: %w", err)
	}
	return nil
}

// SpendTOTP takes a code for the account, once: of parallel callers with one code, one succeeds. Errors: ErrCode, Throttled,
// ErrNotFound where the account has no second factor.
func (s *Store) SpendTOTP(ctx context.Context, now time.Time, account, code string) error {
	var id string
	var sealed []byte
	err := s.db.QueryRow(ctx, `SELECT id, secret FROM second_factors WHERE account = ? AND kind = 'totp'`, account).Scan(&id, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("reading a second factor: %w", err)
	}
	secret, err := s.keys.Unseal(sealed, secretPlace(id))
	if err != nil {
		return fmt.Errorf("reading a second factor: %w", err)
	}
	if err := s.chargeGuess(ctx, now, account); err != nil {
		return err
	}
	step, ok := MatchTOTP(string(secret), code, now)
	if !ok {
		return ErrCode
	}
	// The watermark only moves forward: the code, and every older one, is spent by whoever moves it.
	n, err := affected(s.db.Exec(ctx, `UPDATE second_factors SET last_step = ?, used_at = ? WHERE id = ? AND last_step < ?`,
		step, database.Micros(now), id, step))
	if err != nil {
		return fmt.Errorf("spending a code: %w", err)
	}
	if n == 0 {
		return ErrCode
	}
	if _, err := s.db.Exec(ctx, `UPDATE accounts SET code_failures = 0, code_locked_until = 0 WHERE id = ?`, account); err != nil {
		return fmt.Errorf("forgetting wrong codes: %w", err)
	}
	return nil
}

const (
	freeGuesses = 5 // wrong codes before the first wait
	firstWait   = time.Minute
	longestWait = time.Hour
)

// chargeGuess counts a try before it is looked at, in one statement, so that a thousand tries at once are counted as a thousand;
// a right code takes the count back. From the fifth in a row on each shuts the account's second step for a minute, two,
// four … an hour. Errors: Throttled while it is shut, and nothing is counted then.
func (s *Store) chargeGuess(ctx context.Context, now time.Time, account string) error {
	q := strings.Builder{}
	q.WriteString(`UPDATE accounts SET code_failures = code_failures + 1, code_locked_until = CASE`)
	args := []any{}
	wait, failures := firstWait, freeGuesses
	fmt.Fprintf(&q, ` WHEN code_failures + 1 < %d THEN 0`, freeGuesses)
	for ; wait < longestWait; wait, failures = 2*wait, failures+1 {
		fmt.Fprintf(&q, ` WHEN code_failures + 1 = %d THEN CAST(? AS BIGINT)`, failures)
		args = append(args, database.Micros(now.Add(wait)))
	}
	q.WriteString(` ELSE CAST(? AS BIGINT) END WHERE id = ? AND code_locked_until <= ?`)
	args = append(args, database.Micros(now.Add(longestWait)), account, database.Micros(now))
	n, err := affected(s.db.Exec(ctx, q.String(), args...))
	if err != nil {
		return fmt.Errorf("counting a code: %w", err)
	}
	if n > 0 {
		return nil
	}
	var until int64
	if err := s.db.QueryRow(ctx, `SELECT code_locked_until FROM accounts WHERE id = ?`, account).Scan(&until); err != nil {
		return fmt.Errorf("counting codes: %w", err)
	}
	return Throttled{max(database.Time(until).Sub(now), time.Second)}
}
