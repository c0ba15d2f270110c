package portal

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
)

// operators is what operators do to other people's accounts.
type operators interface {
	SearchAccounts(ctx context.Context, q account.Query) ([]account.Profile, string, error)
	ShowAccount(ctx context.Context, id string) (account.Profile, error)
	AddAccount(ctx context.Context, by lifecycle.Operator, name, email string, roles []string) (account.Account, string, error)
	SetAccountRoles(ctx context.Context, by lifecycle.Operator, id string, roles []string) error
	SetAccountEmail(ctx context.Context, by lifecycle.Operator, id, email string) error
	DisableAccount(ctx context.Context, by lifecycle.Operator, id string, disabled bool) error
	ApproveAccount(ctx context.Context, by lifecycle.Operator, id string) error
	UnlockAccount(ctx context.Context, by lifecycle.Operator, id string) error
	ResetAccountFactors(ctx context.Context, by lifecycle.Operator, id string) error
	EndAccountSessions(ctx context.Context, by lifecycle.Operator, id string) error
	EraseAccount(ctx context.Context, by lifecycle.Operator, id string) error
	Invite(ctx context.Context, by lifecycle.Operator, email, role string, life time.Duration) (link string, err error)
	Invitations(ctx context.Context) ([]lifecycle.Invited, error)
	RevokeInvitation(ctx context.Context, by lifecycle.Operator, id string) error
}

var adminRoutes = map[string]route{
	"/auth/api/admin/accounts":                    {permission: admin, methods: methods{"GET": (*Handler).searchAccounts, "POST": (*Handler).addAccount}},
	"/auth/api/admin/accounts/{id}":               {permission: admin, methods: methods{"GET": (*Handler).showAccount, "PATCH": (*Handler).changeAccount, "DELETE": (*Handler).eraseAccount}},
	"/auth/api/admin/accounts/{id}/approve":       {permission: admin, methods: methods{"POST": operation(operators.ApproveAccount)}},
	"/auth/api/admin/accounts/{id}/unlock":        {permission: admin, methods: methods{"POST": operation(operators.UnlockAccount)}},
	"/auth/api/admin/accounts/{id}/reset-factors": {permission: admin, methods: methods{"POST": operation(operators.ResetAccountFactors)}},
	"/auth/api/admin/accounts/{id}/end-sessions":  {permission: admin, methods: methods{"POST": operation(operators.EndAccountSessions)}},
	"/auth/api/admin/invitations":                 {permission: admin, methods: methods{"GET": (*Handler).listInvitations, "POST": (*Handler).invite}},
	"/auth/api/admin/invitations/{id}":            {permission: admin, methods: methods{"DELETE": (*Handler).revokeInvitation}},
}

// operator is who asks.
func (c *call) operator() lifecycle.Operator {
	return lifecycle.Operator{ID: c.rc.Identity.Subject, Session: c.rc.Identity.Session, Attempt: c.attempt()}
}

// accountJSON is one account as operators see it.
type accountJSON struct {
	ID            string   `json:"id"`
	Username      string   `json:"username"`
	DisplayName   string   `json:"display_name,omitempty"`
	Email         string   `json:"email,omitempty"`
	EmailVerified bool     `json:"email_verified"`
	Locale        string   `json:"locale,omitempty"`
	Roles         []string `json:"roles"`
	State         string   `json:"state"` // active, disabled or approval
	SecondFactor  bool     `json:"second_factor"`
	CreatedAt     string   `json:"created_at"`
	LastAuthAt    string   `json:"last_auth_at,omitempty"`
}

func tellAccount(p account.Profile) accountJSON {
	j := accountJSON{
		ID: p.ID, Username: p.Username, DisplayName: p.DisplayName, Email: p.Email, EmailVerified: p.EmailVerified, Locale: p.Locale, Roles: p.Roles,
		State: p.State(), SecondFactor: p.SecondFactor(), CreatedAt: stamp(p.CreatedAt),
	}
	if !p.LastAuthAt.IsZero() {
		j.LastAuthAt = stamp(p.LastAuthAt)
	}
	return j
}

func (h *Handler) searchAccounts(c *call) error {
	in := c.r.URL.Query()
	q := account.Query{Text: in.Get("q"), Role: in.Get("role"), State: in.Get("state"), After: in.Get("after"), Limit: 50}
	if v := in.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > account.MaxPage {
			return &badBody{http.StatusUnprocessableEntity, "limit is a number from 1 to 200"}
		}
		q.Limit = n
	}
	for _, v := range []string{q.Text, q.Role, q.State, q.After} {
		if len(v) > 256 || strings.Contains(v, "\x00") {
			return &badBody{http.StatusUnprocessableEntity, "The query is too long"}
		}
	}
	if err := q.Check(); err != nil {
		return err
	}
	page, next, err := h.identity.SearchAccounts(c.r.Context(), q)
	if err != nil {
		return err
	}
	all := make([]accountJSON, 0, len(page))
	for _, p := range page {
		all = append(all, tellAccount(p))
	}
	return c.writeJSON(map[string]any{"accounts": all, "next": next})
}

func (h *Handler) showAccount(c *call) error {
	p, err := h.identity.ShowAccount(c.r.Context(), c.id)
	if err != nil {
		return gone(err)
	}
	return c.writeJSON(tellAccount(p))
}

// addAccount answers with a password that was made, this once.
func (h *Handler) addAccount(c *call) error {
	in, err := c.fields("username", "email", "roles")
	if err != nil {
		return err
	}
	if err := need(in, "username", "roles"); err != nil {
		return err
	}
	a, password, err := h.identity.AddAccount(c.r.Context(), c.operator(), in["username"], in["email"], split(in["roles"]))
	if err != nil {
		return named(err)
	}
	return c.writeJSON(map[string]any{"id": a.ID, "username": a.Name, "password": password})
}

// split reads roles, separated by blanks or commas.
func split(roles string) []string {
	return strings.FieldsFunc(roles, func(r rune) bool { return r == ' ' || r == ',' })
}

func (h *Handler) changeAccount(c *call) error {
	in, err := c.fields("roles", "disabled", "email")
	if err != nil {
		return err
	}
	// One thing at a time: of two, the second could fail after the first.
	if len(in) != 1 {
		return &badBody{http.StatusUnprocessableEntity, "One of roles, disabled and email is needed"}
	}
	by, ctx := c.operator(), c.r.Context()
	if roles, ok := in["roles"]; ok {
		err = h.identity.SetAccountRoles(ctx, by, c.id, split(roles))
	} else if email, ok := in["email"]; ok {
		err = h.identity.SetAccountEmail(ctx, by, c.id, email)
	} else if d := in["disabled"]; d == "true" || d == "false" {
		err = h.identity.DisableAccount(ctx, by, c.id, d == "true")
	} else {
		return &badBody{http.StatusUnprocessableEntity, `disabled must be "true" or "false"`}
	}
	return h.done(c, err)
}

func (h *Handler) eraseAccount(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	return h.done(c, h.identity.EraseAccount(c.r.Context(), c.operator(), c.id))
}

// operation answers a request that does one thing to one account.
func operation(act func(operators, context.Context, lifecycle.Operator, string) error) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		if _, err := c.fields(); err != nil {
			return err
		}
		return h.done(c, act(h.identity, c.r.Context(), c.operator(), c.id))
	}
}

func (h *Handler) done(c *call, err error) error {
	if err != nil {
		return gone(err)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) listInvitations(c *call) error {
	all, err := h.identity.Invitations(c.r.Context())
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"invitations": all})
}

// invite answers with the link, or without one where it was mailed.
func (h *Handler) invite(c *call) error {
	in, err := c.fields("email", "role", "expires_in_days")
	if err != nil {
		return err
	}
	life := lifecycle.InvitationLife
	if v := in["expires_in_days"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 90 {
			return &badBody{http.StatusUnprocessableEntity, "expires_in_days is a number from 1 to 90"}
		}
		life = time.Duration(n) * day
	}
	link, err := h.identity.Invite(c.r.Context(), c.operator(), in["email"], in["role"], life)
	if err != nil {
		return err
	}
	out := map[string]any{"mailed": link == ""}
	if link != "" {
		out["link"] = link
	}
	return c.writeJSON(out)
}

func (h *Handler) revokeInvitation(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	return h.done(c, h.identity.RevokeInvitation(c.r.Context(), c.operator(), c.id))
}
