package factor

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	codes     = 10 // recovery codes of a set
	codeBytes = 10 // 80 bits: nobody guesses one, so wrong ones shut nobody out
	codeChars = codeBytes * 8 / 5
)

// Crockford's alphabet leaves out the letters that are taken for others.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

var misread = strings.NewReplacer("o", "0", "i", "1", "l", "1", "-", "", " ", "")

// newCode makes a recovery code in four groups, as "7k2m-9rhx-w4ct-0bqe".
func newCode() string {
	b := make([]byte, codeBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	c := crockford.EncodeToString(b)
	return c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
}

// plainCode gives the one spelling of a typed recovery code: without dashes and blanks, lower case, with the digits that letters were
// taken for. ok is false for what is none.
func plainCode(typed string) (code string, ok bool) {
	if len(typed) > 4*codeChars {
		return "", false
	}
	code = misread.Replace(strings.ToLower(typed))
	b, err := crockford.DecodeString(code)
	return code, err == nil && len(b) == codeBytes && len(code) == codeChars
}

// marked is what rests of a recovery code: who reads the database finds none by trying, and none fits another account.
func (s *Store) marked(owner, plain string) string {
	mac := hmac.New(sha256.New, s.mac)
	mac.Write([]byte(store.Key("recovery_codes", owner, plain)))
	return hex.EncodeToString(mac.Sum(nil))
}

// RenewRecovery makes ten new recovery codes, shown this once, in place of all the account had. The account's row must have been changed in tx before.
func (s *Store) RenewRecovery(ctx context.Context, tx *database.Tx, now time.Time, owner string) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE account = ?`, owner); err != nil {
		return nil, fmt.Errorf("voiding recovery codes: %w", err)
	}
	set := make([]string, codes)
	for i := range set {
		set[i] = newCode()
		plain, _ := plainCode(set[i])
		_, err := tx.Exec(ctx, `INSERT INTO recovery_codes (account, code, created_at) VALUES (?, ?, ?)`, owner, s.marked(owner, plain), database.Micros(now))
		if err != nil {
			return nil, fmt.Errorf("storing recovery codes: %w", err)
		}
	}
	return set, nil
}

// SpendRecovery takes a recovery code of the account, once, and tells how many are left. Errors: account.ErrCode.
func (s *Store) SpendRecovery(ctx context.Context, tx *database.Tx, now time.Time, owner, typed string) (left int, err error) {
	plain, ok := plainCode(typed)
	if !ok {
		return 0, account.ErrCode
	}
	n, err := affected(tx.Exec(ctx, `UPDATE recovery_codes SET used_at = ? WHERE account = ? AND code = ? AND used_at = 0`,
		database.Micros(now), owner, s.marked(owner, plain)))
	if err != nil {
		return 0, fmt.Errorf("spending a recovery code: %w", err)
	}
	if n == 0 {
		return 0, account.ErrCode
	}
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE account = ? AND used_at = 0`, owner).Scan(&left); err != nil {
		return 0, fmt.Errorf("counting recovery codes: %w", err)
	}
	return left, nil
}

// CheckRecovery tells, without spending it, whether a recovery code could be spent. Errors: account.ErrCode.
func (s *Store) CheckRecovery(ctx context.Context, owner, typed string) error {
	plain, ok := plainCode(typed)
	if !ok {
		return account.ErrCode
	}
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE account = ? AND code = ? AND used_at = 0`, owner, s.marked(owner, plain)).Scan(&n)
	if err != nil {
		return fmt.Errorf("looking for a recovery code: %w", err)
	}
	if n == 0 {
		return account.ErrCode
	}
	return nil
}
