package factor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// record is a WebAuthn credential as it rests. What JSON has never changes and is sealed; the rest stands in columns.
type record struct {
	id, account        string
	counter            int64
	verifies, backedUp bool

	Site           string                            `json:"site"` // RP id that it was made for
	Credential     []byte                            `json:"credential"`
	Key            []byte                            `json:"key"` // public, COSE
	Transports     []protocol.AuthenticatorTransport `json:"transports,omitempty"`
	AAGUID         []byte                            `json:"aaguid,omitempty"` // the authenticator's model
	Format         string                            `json:"format,omitempty"` // of the attestation
	BackupEligible bool                              `json:"backup_eligible,omitempty"`
}

func recordOf(site string, c *webauthn.Credential) record {
	return record{
		Site: site, Credential: c.ID, Key: c.PublicKey, Transports: c.Transport, AAGUID: c.Authenticator.AAGUID, Format: c.AttestationFormat,
		BackupEligible: c.Flags.BackupEligible,
	}
}

// credential is the record as the library wants it.
func (r record) credential() webauthn.Credential {
	var flags protocol.AuthenticatorFlags
	for flag, on := range map[protocol.AuthenticatorFlags]bool{
		protocol.FlagUserPresent: true, protocol.FlagUserVerified: r.verifies,
		protocol.FlagBackupEligible: r.BackupEligible, protocol.FlagBackupState: r.backedUp,
	} {
		if on {
			flags |= flag
		}
	}
	return webauthn.Credential{
		ID: r.Credential, PublicKey: r.Key, AttestationFormat: r.Format, Transport: r.Transports, Flags: webauthn.NewCredentialFlags(flags),
		Authenticator: webauthn.Authenticator{AAGUID: r.AAGUID, SignCount: uint32(r.counter)},
	}
}

const credentialColumns = `SELECT id, account, secret, counter, verifies, backed_up FROM second_factors WHERE kind = 'webauthn' AND `

func (s *Store) scan(row interface{ Scan(...any) error }) (r record, err error) {
	var sealed []byte
	var verifies, backedUp int64
	if err := row.Scan(&r.id, &r.account, &sealed, &r.counter, &verifies, &backedUp); err != nil {
		return r, fmt.Errorf("reading a credential: %w", err)
	}
	r.verifies, r.backedUp = verifies != 0, backedUp != 0
	raw, err := s.keys.Unseal(sealed, secretPlace(r.id))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading a credential: %w", err)
	}
	return r, nil
}

// credentials are an account's, the oldest first.
func (s *Store) credentials(ctx context.Context, account string) ([]record, error) {
	rows, err := s.db.Query(ctx, credentialColumns+`account = ? ORDER BY created_at, id`, account)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	defer rows.Close()
	var all []record
	for rows.Next() {
		r, err := s.scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
