package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/database"
)

// How long the reason is that somebody gives for emergency access, in characters.
const (
	ShortestReason = 10
	LongestReason  = 500
)

// ErrReason refuses a reason that is too short, too long, or that can't be printed.
var ErrReason = errors.New("the reason is too short, too long, or has characters that can't be printed")

// Reason is what somebody gives as the reason for emergency access, as it is recorded: on one line, spaces once. What would
// make a record read otherwise than it was written (control characters, marks of direction) is refused. Errors: ErrReason.
func Reason(given string) (string, error) {
	reason := strings.Join(strings.Fields(given), " ")
	n := utf8.RuneCountInString(reason)
	if n < ShortestReason || n > LongestReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", ErrReason
	}
	return reason, nil
}

// EmergencyUntil tells until when the subject has emergency access in that session; zero: they have none.
func (s *Store) EmergencyUntil(ctx context.Context, subject, session string) (time.Time, error) {
	if session == "" || !IsPerson(subject) {
		return time.Time{}, nil
	}
	var end int64
	err := s.db.QueryRow(ctx, `SELECT COALESCE(MAX(expires), 0) FROM grants WHERE object = ? AND subject = ? AND relation = ? AND expires > ?`,
		SessionObject(session), subject, BreakGlass, database.Micros(s.now())).Scan(&end)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading an emergency: %w", err)
	}
	return database.Time(end), nil
}
