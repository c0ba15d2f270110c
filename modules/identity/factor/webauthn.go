package factor

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

// ChallengeLife is how long a person has to touch the key.
const ChallengeLife = time.Minute

var (
	// ErrKey is the answer of a security key or passkey that does not hold.
	ErrKey = errors.New("the security key's or passkey's answer is not accepted")
	// ErrCopied is an answer whose signature counter fell: the key, or a copy of it, was used elsewhere.
	ErrCopied = fmt.Errorf("%w: its counter fell, so the key may have been copied", ErrKey)
	// ErrNoKey is an account without a key for the site that asks.
	ErrNoKey = errors.New("the account has no security key or passkey for this site")
	// ErrSite is a site that can have no passkeys: its name is an IP address.
	ErrSite = errors.New("this site's name can have no security keys or passkeys")
)

// Site is the relying party of a ceremony.
type Site struct {
	ID      string   // RP id: the site's domain, or one above it
	Origins []string // where the pages may stand
	Label   string   // the service's name
}

func (s Site) party() (*webauthn.WebAuthn, error) {
	if protocol.ValidateRPID(s.ID) != nil {
		return nil, ErrSite
	}
	timeout := webauthn.TimeoutConfig{Timeout: ChallengeLife, TimeoutUVD: ChallengeLife} // ours is enforced where the challenge is kept
	party, err := webauthn.New(&webauthn.Config{
		RPID: s.ID, RPDisplayName: s.Label, RPOrigins: s.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
		// Some password managers answer extensions that nobody asked for; none of their answers is used.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSite, err)
	}
	return party, nil
}

// Check refuses a site that can have no keys. Errors: ErrSite.
func (s Site) Check() error {
	_, err := s.party()
	return err
}

// Challenge is what is kept of a ceremony between its two halves, as JSON.
type Challenge struct {
	Site Site                 `json:"site"`
	Data webauthn.SessionData `json:"data"`
}

// owner is an account as the library wants it.
type owner struct {
	account, name string
	credentials   []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.account) } // random, and tells nothing of the person
func (o owner) WebAuthnName() string                       { return o.name }
func (o owner) WebAuthnDisplayName() string                { return o.name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }

// BeginRegistration makes the options for navigator.credentials.create. Errors: ErrSite.
func (s *Store) BeginRegistration(ctx context.Context, site Site, accountID, username string) (options any, c Challenge, err error) {
	party, err := site.party()
	if err != nil {
		return nil, c, err
	}
	has, err := s.credentials(ctx, accountID)
	if err != nil {
		return nil, c, err
	}
	var exclude []protocol.CredentialDescriptor
	for _, h := range has {
		if h.Site == site.ID {
			c := h.credential()
			exclude = append(exclude, c.Descriptor())
		}
	}
	creation, data, err := party.BeginRegistration(owner{account: accountID, name: username}, webauthn.WithExclusions(exclude))
	if err != nil {
		return nil, c, fmt.Errorf("beginning a registration: %w", err)
	}
	return creation, Challenge{site, *data}, nil
}

// Credential is a new one, not stored yet.
type Credential struct {
	row    added
	synced bool
}

// Proof is what its answer has proven; it has no factor yet.
func (c Credential) Proof() Proof { return Proof{Synced: c.synced, Verified: c.row.verifies} }

// FinishRegistration checks a browser's answer, PublicKeyCredential.toJSON(). Errors: ErrKey.
func (s *Store) FinishRegistration(c Challenge, answer []byte) (Credential, error) {
	party, err := c.Site.party()
	if err != nil {
		return Credential{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Credential{}, refused(err)
	}
	made, err := party.CreateCredential(owner{account: string(c.Data.UserID)}, c.Data, parsed)
	if err != nil {
		return Credential{}, refused(err)
	}
	r := recordOf(c.Site.ID, made)
	raw, err := json.Marshal(r)
	if err != nil {
		return Credential{}, fmt.Errorf("storing a credential: %w", err)
	}
	return Credential{synced: r.BackupEligible, row: added{
		kind: WebAuthn, secret: raw, credential: credentialHash(made.ID), counter: int64(made.Authenticator.SignCount),
		verifies: made.Flags.UserVerified, backedUp: made.Flags.BackupState,
	}}, nil
}

// AddWebAuthn puts a credential in force. The account's row must have been changed in tx before. Errors: ErrMany, account.ErrExists where
// somebody has it.
func (s *Store) AddWebAuthn(ctx context.Context, tx *database.Tx, now time.Time, accountID, name string, c Credential) (id string, err error) {
	c.row.name = name
	return s.add(ctx, tx, now, accountID, c.row)
}

// BeginAssertion makes the options for navigator.credentials.get of a person who is known: a key beside another factor. Errors: ErrSite,
// ErrNoKey.
func (s *Store) BeginAssertion(ctx context.Context, site Site, accountID string) (options any, c Challenge, err error) {
	party, err := site.party()
	if err != nil {
		return nil, c, err
	}
	has, err := s.credentials(ctx, accountID)
	if err != nil {
		return nil, c, err
	}
	who := owner{account: accountID}
	for _, h := range has {
		if h.Site == site.ID {
			who.credentials = append(who.credentials, h.credential())
		}
	}
	if len(who.credentials) == 0 {
		return nil, c, ErrNoKey
	}
	// Who verified the user beside another factor may do so alone from then on (WebAuthn level 3, 7.2 step 18).
	assertion, data, err := party.BeginLogin(who, webauthn.WithLoginAuthorizeUVInitialization(true))
	if err != nil {
		return nil, c, fmt.Errorf("beginning an assertion: %w", err)
	}
	return assertion, Challenge{site, *data}, nil
}

// BeginPasskey makes the options for navigator.credentials.get of somebody who is not known: a passkey as the only step, which must verify its
// user. Errors: ErrSite.
func (s *Store) BeginPasskey(site Site) (options any, c Challenge, err error) {
	party, err := site.party()
	if err != nil {
		return nil, c, err
	}
	assertion, data, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, c, fmt.Errorf("beginning an assertion: %w", err)
	}
	return assertion, Challenge{site, *data}, nil
}

// Proof is what a key's answer has proven.
type Proof struct {
	Account  string
	Factor   string // its id
	Synced   bool   // the key may be copied between devices
	Verified bool   // the key has verified its user (PIN, finger), and not for the first time: it could have stood alone
}

// FinishAssertion checks a browser's answer, PublicKeyCredential.toJSON(), to either Begin, and moves the key's counter forward: of parallel
// answers with one count, one is taken. On ErrCopied and on ErrKey the proof names the account where it is known. Errors: ErrKey, ErrCopied.
func (s *Store) FinishAssertion(ctx context.Context, now time.Time, c Challenge, answer []byte) (Proof, error) {
	party, err := c.Site.party()
	if err != nil {
		return Proof{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Proof{}, refused(err)
	}
	r, err := s.byCredential(ctx, parsed.RawID)
	if errors.Is(err, account.ErrNotFound) {
		return Proof{}, fmt.Errorf("%w: the credential is not known", ErrKey)
	}
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Account: r.account, Factor: r.id, Synced: r.BackupEligible, Verified: r.verifies && parsed.Response.AuthenticatorData.Flags.HasUserVerified()}
	if r.Site != c.Site.ID {
		return p, fmt.Errorf("%w: it is of another site", ErrKey)
	}
	who := owner{account: r.account, credentials: []webauthn.Credential{r.credential()}}
	var after *webauthn.Credential
	if len(c.Data.UserID) == 0 {
		if !r.verifies {
			// Who finds a key that never verified its user could set a PIN on it and walk in without a password.
			return p, fmt.Errorf("%w: it has never verified its user beside a password", ErrKey)
		}
		_, after, err = party.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, c.Data, parsed)
	} else {
		// The library wants all credentials that were allowed, to be the account's still; that this one is, is checked here.
		if string(c.Data.UserID) != r.account {
			return Proof{}, fmt.Errorf("%w: it is somebody else's", ErrKey)
		}
		allowed := c.Data
		allowed.AllowedCredentialIDs = nil
		for _, id := range c.Data.AllowedCredentialIDs {
			if string(id) == string(parsed.RawID) {
				allowed.AllowedCredentialIDs = [][]byte{id}
			}
		}
		if allowed.AllowedCredentialIDs == nil {
			return p, fmt.Errorf("%w: it was not asked for", ErrKey)
		}
		after, err = party.ValidateLogin(who, allowed, parsed)
	}
	if err != nil {
		return p, refused(err)
	}
	if after.Authenticator.CloneWarning {
		return p, ErrCopied
	}
	return p, s.used(ctx, now, r.id, after)
}

// used moves a key's counter forward, where there is one: 0 after 0 is none (WebAuthn 6.1.1).
func (s *Store) used(ctx context.Context, now time.Time, id string, c *webauthn.Credential) error {
	count := int64(c.Authenticator.SignCount)
	n, err := affected(s.db.Exec(ctx, `UPDATE second_factors SET counter = ?, verifies = ?, backed_up = ?, used_at = ?
		WHERE id = ? AND (counter < ? OR counter = 0 AND CAST(? AS BIGINT) = 0)`,
		count, number(c.Flags.UserVerified), number(c.Flags.BackupState), database.Micros(now), id, count, count))
	if err != nil {
		return fmt.Errorf("storing a key's counter: %w", err)
	}
	if n == 0 {
		return ErrCopied // another answer with this count, or a higher one, came first
	}
	return nil
}

// refused keeps what the library says for the log of who looks into it.
func refused(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s", ErrKey, e.Details)
	}
	return fmt.Errorf("%w: it can't be read", ErrKey)
}

func credentialHash(id []byte) string {
	h := sha256.Sum256(id)
	return hex.EncodeToString(h[:])
}

// whereCredential asks for a filled one too: only so SQLite sees that the index, which leaves those out, has all rows that are asked for.
const whereCredential = `credential = ? AND credential <> ''`

func (s *Store) byCredential(ctx context.Context, id []byte) (record, error) {
	r, err := s.scan(s.db.QueryRow(ctx, credentialColumns+whereCredential, credentialHash(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return r, account.ErrNotFound
	}
	return r, err
}
