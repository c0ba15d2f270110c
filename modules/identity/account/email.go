package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Limits of an address (RFC 5321, section 4.5.3.1).
const (
	maxLocal = 64
	maxEmail = 254
)

// atext is what an unquoted local part is made of beside letters and digits (RFC 5322, section 3.2.3).
const atext = "!#$%&'*+-/=?^_`{|}~."

// NormaliseEmail gives the spelling of an address that mail is sent to: without blanks around it, its domain lower case and in ASCII (IDNA). The
// local part is ASCII and unquoted: what else the standards allow, few servers deliver, and letters that only look alike would pass for somebody
// else's. Errors: ErrEmail.
func NormaliseEmail(typed string) (string, error) {
	if len(typed) > 2*maxEmail {
		return "", ErrEmail
	}
	local, domain, ok := strings.Cut(strings.TrimSpace(typed), "@")
	if !ok || local == "" || len(local) > maxLocal || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", ErrEmail
	}
	for i := range len(local) {
		c := local[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(atext, c) < 0 {
			return "", ErrEmail
		}
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !isDomain(ascii) || len(local)+1+len(ascii) > maxEmail {
		return "", ErrEmail
	}
	return local + "@" + ascii, nil
}

// isDomain takes names as the internet's mail has them: two labels at least, and no address literals.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			if c := l[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	top := labels[len(labels)-1]
	return top[0] < '0' || top[0] > '9' // 192.0.2.1 is no name
}

// EmailIndex is what an address is found by: the same for every case of its letters. It takes what NormaliseEmail gave.
func (s *Store) EmailIndex(email string) string { return index(s.emailKey, strings.ToLower(email)) }

func index(key []byte, value string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(value))
	return hex.EncodeToString(h.Sum(nil))
}

// ByEmail finds an account by its verified address, in any case. Errors: ErrNotFound, also for what can't be an address.
func (s *Store) ByEmail(ctx context.Context, typed string) (Account, error) {
	email, err := NormaliseEmail(typed)
	if err != nil {
		email = "" // as ByName does
	}
	// A filled one, too: only so SQLite sees that the index, which leaves those out, has all rows that are asked for.
	return scan(s.db.QueryRow(ctx, columns+`WHERE a.email_index = ? AND a.email_index <> ''`, s.EmailIndex(email)))
}

// ByLogin finds an account by what people type to sign in: the name or the address. No name holds an @. Errors: ErrNotFound.
func (s *Store) ByLogin(ctx context.Context, typed string) (Account, error) {
	if strings.Contains(typed, "@") {
		return s.ByEmail(ctx, typed)
	}
	return s.ByName(ctx, typed)
}

// SetEmail gives the account an address. verified says that its owner has proved to read its mail, or that an operator vouches for it: only such
// an address finds the account, so that nobody occupies another's. "" takes the address away. The revision grows: a login or reset begun
// before is void. Errors: ErrEmail, ErrEmailTaken (verified ones are unique).
func (s *Store) SetEmail(ctx context.Context, tx *database.Tx, now time.Time, id, typed string, verified bool) error {
	if typed == "" {
		return change(ctx, tx, `email = '', email_index = '', email_verified_at = 0`, id)
	}
	email, err := NormaliseEmail(typed)
	if err != nil {
		return err
	}
	if err := s.Touch(ctx, tx, id); err != nil { // locks the row, so that one data key is made
		return err
	}
	sealed, err := s.SealOwn(ctx, tx, id, []byte(email), emailPlace(id))
	if err != nil {
		return err
	}
	at, found := int64(0), ""
	if verified {
		at, found = database.Micros(now), s.EmailIndex(email)
	}
	_, err = tx.Exec(ctx, `UPDATE accounts SET email = ?, email_index = ?, email_verified_at = ? WHERE id = ?`, sealed, found, at, id)
	if database.IsDuplicate(err) {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("storing an address: %w", err)
	}
	return nil
}
