package factor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	freeGuesses = 5 // wrong codes before the first wait
	firstWait   = time.Minute
	longestWait = time.Hour
)

// chargeGuess counts a try before it is looked at, in one statement, so that a thousand tries at once are counted as a thousand;
// a right code takes the count back. From the fifth in a row on each shuts the account's second step for a minute, two,
// four … an hour. Errors: Throttled while it is shut, and nothing is counted then.
func (s *Store) chargeGuess(ctx context.Context, now time.Time, owner string) error {
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
	args = append(args, database.Micros(now.Add(longestWait)), owner, database.Micros(now))
	n, err := affected(s.db.Exec(ctx, q.String(), args...))
	if err != nil {
		return fmt.Errorf("counting a code: %w", err)
	}
	if n > 0 {
		return nil
	}
	var until int64
	if err := s.db.QueryRow(ctx, `SELECT code_locked_until FROM accounts WHERE id = ?`, owner).Scan(&until); err != nil {
		return fmt.Errorf("counting codes: %w", err)
	}
	return account.Throttled{RetryAfter: max(database.Time(until).Sub(now), time.Second)}
}
