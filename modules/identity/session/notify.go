package session

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
)

// What the owner of an account is told of by mail.
const (
	NoticeFactorAdded      = "factor-added"       // data: factor (totp, webauthn), name
	NoticeFactorRemoved    = "factor-removed"     // data: as above
	NoticeFactorsReset     = "factors-reset"      // by an operator
	NoticeRecoveryCodes    = "recovery-codes"     // new ones were made, the old ones are void
	NoticeRecoveryCodeUsed = "recovery-code-used" // data: left
	NoticeKeyCopied        = "key-copied"         // a security key's counter fell: there may be two of it
	NoticePasswordChanged  = "password-changed"
	NoticeNewDevice        = "new-device"    // a login from a device not seen before; data: browser, os, ip, country
	NoticeEmailChanged     = "email-changed" // goes to the old address
	NoticeLinkAdded        = "link-added"    // a login with another provider; data: provider
	NoticeLinkRemoved      = "link-removed"  // data: provider
	NoticeTokenCreated     = "token-created" // a personal access token; data: name
)

// Notifier queues a mail to the owner of an account, in the transaction of the change that it tells of: so neither is
// without the other, and the mail is sent once the change is committed. An account without an address gets none.
type Notifier interface {
	Notify(ctx context.Context, tx *database.Tx, a account.Account, kind string, data map[string]string) error
}

// notify tells the owner, where mail is configured.
func (m *Manager) notify(ctx context.Context, tx *database.Tx, a account.Account, kind string, data map[string]string) error {
	if m.Notices == nil {
		return nil
	}
	return m.Notices.Notify(ctx, tx, a, kind, data)
}
