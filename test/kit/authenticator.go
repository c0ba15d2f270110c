package kit

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a passkey of the device that a tab is on: Chromium's virtual one, which says yes whenever it is asked.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Authenticator gives the tab's device one that keeps passkeys and verifies its user.
func (p *Tab) Authenticator() *Authenticator {
	p.t.Helper()
	a := &Authenticator{tab: p}
	p.Do("adding an authenticator", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		r, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		if err == nil {
			a.id = r.AuthenticatorID
		}
		return err
	}))
	return a
}

// Verifies says whether it recognises its user from now on.
func (a *Authenticator) Verifies(yes bool) {
	a.tab.t.Helper()
	a.tab.Do("user verification", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: yes})
		return err
	}))
}

// Count sets the signature counter of all it keeps.
func (a *Authenticator) Count(n float64) {
	a.tab.t.Helper()
	a.tab.Do("setting the counter", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		all, err := cdp.Call(ctx, t, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
		if err != nil {
			return err
		}
		for _, c := range all.Credentials {
			_, err := cdp.Call(ctx, t, webauthn.SetCredentialProperties, webauthn.SetCredentialPropertiesParams{
				AuthenticatorID: a.id, CredentialID: c.CredentialID, SignCount: &n,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Await returns what the promise that a JavaScript expression gives becomes.
func Await[V any](p *Tab, expression string) (V, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[V](expression, chromedp.EvalAwaitPromise))
}
