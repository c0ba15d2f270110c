package identity

import "github.com/convosphere/gateway/modules/identity/mail"

// Mailer is the mail server that is configured, for others of the gateway's apps who write to people; ok is false where none is.
func (a *App) Mailer() (c mail.Config, ok bool, err error) {
	if a.Mail == nil {
		return c, false, nil
	}
	c, err = a.Mail.config(a.Label)
	return c, true, err
}
