package identity

import "github.com/convosphere/gateway/modules/identity/account"

// RemembersSessions tells whether people may ask at their login to stay signed in for longer.
func (a *App) RemembersSessions() bool { return a.Remember != nil }

// TrustsDevices tells whether the second factor may be left out on a device where it was given.
func (a *App) TrustsDevices() bool { return a.RememberDevice == nil || !a.RememberDevice.Off }

// HasTokens tells whether people may make personal access tokens.
func (a *App) HasTokens() bool { return a.PersonalTokens.rules() != nil }

// ShortestPassword is how many characters a new password has at least.
func (a *App) ShortestPassword() int {
	if a.Passwords != nil && a.Passwords.MinLength != 0 {
		return a.Passwords.MinLength
	}
	return account.DefaultPolicy.MinLength
}
