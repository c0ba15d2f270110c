package account

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Profile is what a person may see of the own account, and an operator of everybody's.
type Profile struct {
	ID                string
	Username          string
	DisplayName       string // "" none
	Email             string // "" none
	EmailVerified     bool   // its owner has proved to read its mail
	Locale            string // BCP 47; "" as the browser asks
	Roles             []string
	Disabled          bool
	Awaits            string // AwaitsApproval; "" nothing
	CreatedAt         time.Time
	PasswordChangedAt time.Time
	LastAuthAt        time.Time // zero: never signed in
	TOTP              bool      // has an authenticator app
	WebAuthn          bool      // has a security key or passkey
}

// AwaitsApproval is an account that registered and is disabled until an operator approves it.
const AwaitsApproval = "approval"

// State is one that accounts can be searched by.
func (p Profile) State() string {
	switch {
	case p.Awaits != "":
		return StateAwaiting
	case p.Disabled:
		return StateDisabled
	}
	return StateActive
}

const (
	profileFields = `SELECT a.id, a.username, a.display_name, a.email, a.email_verified_at, a.locale, a.roles, a.disabled, a.awaits,
	a.created_at, a.password_changed_at, a.last_auth_at, (SELECT COUNT(*) FROM second_factors f WHERE f.account = a.id AND f.kind = 'totp'),
	(SELECT COUNT(*) FROM second_factors f WHERE f.account = a.id AND f.kind = 'webauthn'), COALESCE(k.secret, '')`
	profileTables = ` FROM accounts a LEFT JOIN account_keys k ON k.account = a.id `

	profileColumns = profileFields + profileTables
)

// Profile reads what is known of a person. Errors: ErrNotFound.
func (s *Store) Profile(ctx context.Context, id string) (Profile, error) {
	p, err := s.scanProfile(s.db.QueryRow(ctx, profileColumns+`WHERE a.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	return p, err
}

func (s *Store) scanProfile(row interface{ Scan(...any) error }) (Profile, error) {
	var p Profile
	var roles string
	var name, email, key []byte
	var verified, disabled, created, changed, last, totp, webauthn int64
	if err := row.Scan(&p.ID, &p.Username, &name, &email, &verified, &p.Locale, &roles, &disabled, &p.Awaits,
		&created, &changed, &last, &totp, &webauthn, &key); err != nil {
		return p, fmt.Errorf("reading a profile: %w", err)
	}
	p.Roles, p.Disabled, p.EmailVerified = strings.Split(roles, ","), disabled != 0, verified != 0
	p.TOTP, p.WebAuthn = totp != 0, webauthn != 0
	p.CreatedAt, p.PasswordChangedAt, p.LastAuthAt = database.Time(created), database.Time(changed), database.Time(last)
	if len(key) == 0 {
		return p, nil // nothing was ever sealed
	}
	aead, err := s.openKey(p.ID, key)
	if err != nil {
		return p, err
	}
	if p.DisplayName, err = opened(aead, name, displayNamePlace(p.ID)); err != nil {
		return p, err
	}
	p.Email, err = opened(aead, email, emailPlace(p.ID))
	return p, err
}

func opened(key cipher.AEAD, sealed []byte, place string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	plain, err := open(key, sealed, place)
	return string(plain), err
}

const maxDisplayName = 64 // characters

// NormaliseDisplayName gives a name to show, in one spelling. It refuses what would forge the text around it: control and format characters
// (such as those that turn the direction of writing), line breaks and private ones. "" is none. Errors: ErrDisplayName.
func NormaliseDisplayName(typed string) (string, error) {
	if len(typed) > 4*maxDisplayName || !utf8.ValidString(typed) {
		return "", ErrDisplayName
	}
	name := strings.Join(strings.Fields(norm.NFC.String(typed)), " ")
	if utf8.RuneCountInString(name) > maxDisplayName {
		return "", ErrDisplayName
	}
	for _, r := range name {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) && r != ' ' {
			return "", ErrDisplayName
		}
	}
	return name, nil
}

// SetAwaiting shuts a new account until an operator approves it.
func (s *Store) SetAwaiting(ctx context.Context, tx *database.Tx, id string) error {
	return change(ctx, tx, `disabled = 1, awaits = ?`, id, AwaitsApproval)
}

// SetDisplayName stores the name to show; "" takes it away. Errors: ErrDisplayName, ErrNotFound.
func (s *Store) SetDisplayName(ctx context.Context, tx *database.Tx, id, typed string) error {
	name, err := NormaliseDisplayName(typed)
	if err != nil {
		return err
	}
	// It gives no right, so the revision stays and no login is void. The row is written first: that locks it.
	n, err := affected(tx.Exec(ctx, `UPDATE accounts SET display_name = '' WHERE id = ?`, id))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	if err != nil || name == "" {
		return err
	}
	sealed, err := s.SealOwn(ctx, tx, id, []byte(name), displayNamePlace(id))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE accounts SET display_name = ? WHERE id = ?`, sealed, id); err != nil {
		return fmt.Errorf("storing a name: %w", err)
	}
	return nil
}

var localeTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$`)

// CheckLocale refuses what is no language tag; "" is none. Errors: ErrLocale.
func CheckLocale(locale string) error {
	if locale != "" && !localeTag.MatchString(locale) {
		return ErrLocale
	}
	return nil
}

// SetLocale stores the language that pages and mails are in; "" leaves it to the browser. Errors: ErrLocale, ErrNotFound.
func (s *Store) SetLocale(ctx context.Context, tx *database.Tx, id, locale string) error {
	if err := CheckLocale(locale); err != nil {
		return err
	}
	n, err := affected(tx.Exec(ctx, `UPDATE accounts SET locale = ? WHERE id = ?`, locale, id))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// SecondFactor tells whether the account has one.
func (p Profile) SecondFactor() bool { return p.TOTP || p.WebAuthn }
