package kit

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator gives the tab a device that holds passkeys and knows its user: it confirms whatever is asked. With synced it says that its passkeys are backed up.
func (p *Tab) Authenticator(synced bool) {
	p.t.Helper()
	p.Do("adding an authenticator", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
				IsUserVerified: true, AutomaticPresenceSimulation: true, DefaultBackupEligibility: synced, DefaultBackupState: synced,
			},
		})
		return err
	}))
}

// Press presses keys one after the other wherever the focus is: text, or keys of package kb.
func (p *Tab) Press(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.Do("pressing keys", chromedp.KeyEvent(keys, opts...))
}
