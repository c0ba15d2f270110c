package portal

import (
	"context"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) note(words ...string) error {
	p.asked = append(p.asked, strings.Join(words, " "))
	return p.err
}

func (p *people) RegistrationMode() string { return lifecycle.Off }

func (p *people) HasMail() bool { return false }

func (p *people) PasswordsExpire() bool { return false }

func (p *people) Register(_ context.Context, r lifecycle.Registration, _ session.Attempt) (string, error) {
	return lifecycle.StatusConfirm, p.note("register", r.Username, r.Email, r.Password, r.DisplayName, r.Locale, r.Invitation)
}

func (p *people) ConfirmRegistration(_ context.Context, secret, password, username string, _ session.Attempt) (string, error) {
	return lifecycle.StatusActive, p.note("confirm", secret, password, username)
}

func (p *people) RequestReset(_ context.Context, email string, _ session.Attempt) error {
	return p.note("reset", email)
}

func (p *people) Reset(_ context.Context, secret, password string, _ session.Attempt) error {
	return p.note("reset", secret, password)
}

func (p *people) SetProfile(_ context.Context, id *reqctx.Identity, name, locale *string, _ session.Attempt) error {
	told := func(s *string) string {
		if s == nil {
			return "-"
		}
		return "=" + *s
	}
	return p.note("profile", id.Subject, told(name), told(locale))
}

func (p *people) ChangeEmail(_ context.Context, id *reqctx.Identity, email string, _ session.Attempt) error {
	return p.note("email", id.Subject, email)
}

func (p *people) ConfirmEmail(_ context.Context, id *reqctx.Identity, secret string, _ session.Attempt) error {
	return p.note("email-confirm", id.Subject, secret)
}

func (p *people) Export(_ context.Context, id *reqctx.Identity, _ session.Attempt) (map[string]any, error) {
	return map[string]any{"account": id.Subject}, p.note("export", id.Subject)
}

func (p *people) Erase(_ context.Context, id *reqctx.Identity, _ session.Attempt) error {
	return p.note("erase", id.Subject)
}

func (p *people) SearchAccounts(_ context.Context, q account.Query) ([]account.Profile, string, error) {
	return []account.Profile{{ID: "2", Username: "petra", Roles: []string{"user"}, Disabled: true}}, "petra", p.note("search", q.Text, q.Role, q.State, q.After)
}

func (p *people) ShowAccount(_ context.Context, id string) (account.Profile, error) {
	return account.Profile{ID: id, Username: "petra", Roles: []string{"user"}}, p.note("show", id)
}

func (p *people) AddAccount(_ context.Context, by lifecycle.Operator, name, email string, roles []string) (account.Account, string, error) {
	return account.Account{ID: "3", Name: name}, "generated", p.note("add", by.ID, name, email, strings.Join(roles, "+"))
}

func (p *people) SetAccountRoles(_ context.Context, by lifecycle.Operator, id string, roles []string) error {
	return p.note("roles", by.ID, id, strings.Join(roles, "+"))
}

func (p *people) SetAccountEmail(_ context.Context, by lifecycle.Operator, id, email string) error {
	return p.note("set-email", by.ID, id, email)
}

func (p *people) DisableAccount(_ context.Context, by lifecycle.Operator, id string, disabled bool) error {
	if disabled {
		return p.note("disable", by.ID, id)
	}
	return p.note("enable", by.ID, id)
}

func (p *people) ApproveAccount(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("approve", by.ID, id)
}

func (p *people) UnlockAccount(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("unlock", by.ID, id)
}

func (p *people) ResetAccountFactors(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("reset-factors", by.ID, id)
}

func (p *people) EndAccountSessions(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("end-sessions", by.ID, id)
}

func (p *people) EraseAccount(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("erase", by.ID, id)
}

func (p *people) Invite(_ context.Context, by lifecycle.Operator, email, role string, life time.Duration) (string, error) {
	return "https://gw.example/auth/invite#S", p.note("invite", by.ID, email, role, life.String())
}

func (p *people) Invitations(context.Context) ([]lifecycle.Invited, error) {
	return []lifecycle.Invited{{ID: "i", Role: "user"}}, p.note("invitations")
}

func (p *people) RevokeInvitation(_ context.Context, by lifecycle.Operator, id string) error {
	return p.note("revoke", by.ID, id)
}
