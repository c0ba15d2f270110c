package portal

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// personalTokens are what people make for their own programs.
type personalTokens interface {
	NewToken(ctx context.Context, id *reqctx.Identity, name, scopes string, life time.Duration) (apitoken.Token, string, error)
	Tokens(ctx context.Context, id *reqctx.Identity) ([]apitoken.Token, *session.TokenRules, error)
	EndToken(ctx context.Context, id *reqctx.Identity, of string) error
}

var tokenRoutes = map[string]route{
	"/auth/api/account/tokens":      {permission: self, methods: methods{"GET": (*Handler).listTokens, "POST": (*Handler).newToken}},
	"/auth/api/account/tokens/{id}": {permission: self, methods: methods{"DELETE": (*Handler).endToken}},
}

// ownSession tells whether somebody has signed in here: with a token made for a program, a service's or another issuer's, nobody comes near an
// account, whatever the policy says.
func ownSession(id *reqctx.Identity) bool {
	return id.Kind == reqctx.KindPerson && id.Scopes == nil && id.Issuer == "" && !apitoken.IsID(id.Session)
}

func (c *call) refuseToken() {
	c.rc.Decision.Allow = false
	problem.Write(c.w, c.r, problem.Problem{Status: http.StatusForbidden, Type: "session-required", Title: "This needs somebody who has signed in, not a token"})
}

const day = 24 * time.Hour

// tokenJSON is one token as its owner sees it.
type tokenJSON struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	CreatedAt string   `json:"created_at"`
	ExpiresAt string   `json:"expires_at"`
	UsedAt    string   `json:"used_at,omitempty"`
	Token     string   `json:"token,omitempty"` // shown once
}

func tellToken(t apitoken.Token) tokenJSON {
	j := tokenJSON{ID: t.ID, Name: t.Name, Scopes: t.Scopes, CreatedAt: stamp(t.CreatedAt), ExpiresAt: stamp(t.ExpiresAt)}
	if !t.UsedAt.IsZero() {
		j.UsedAt = stamp(t.UsedAt)
	}
	return j
}

func (h *Handler) listTokens(c *call) error {
	all, rules, err := h.identity.Tokens(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	list := make([]tokenJSON, 0, len(all))
	for _, t := range all {
		list = append(list, tellToken(t))
	}
	out := map[string]any{"tokens": list, "enabled": rules != nil}
	if rules != nil {
		scopes := rules.Scopes
		if scopes == nil {
			scopes = []string{} // any
		}
		out["scopes"], out["max_days"], out["limit"] = scopes, int(rules.MaxLife/day), rules.Limit
	}
	return c.writeJSON(out)
}

func (h *Handler) newToken(c *call) error {
	in, err := c.fields("name", "scopes", "expires_in_days")
	if err != nil {
		return err
	}
	if err := need(in, "name", "scopes", "expires_in_days"); err != nil {
		return err
	}
	days, err := strconv.ParseUint(in["expires_in_days"], 10, 16)
	if err != nil {
		return session.ErrTokenLife
	}
	t, raw, err := h.identity.NewToken(c.r.Context(), c.rc.Identity, in["name"], in["scopes"], time.Duration(days)*day)
	if err != nil {
		return err
	}
	out := tellToken(t)
	out.Token = raw
	return c.writeJSON(out)
}

func (h *Handler) endToken(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	return c.done(h.identity.EndToken(c.r.Context(), c.rc.Identity, c.id))
}

// tokenProblem says what the client learns of an error about tokens.
func tokenProblem(err error) (problem.Problem, bool) {
	return listed(err, map[error]problem.Problem{
		session.ErrNoTokens:  {Status: http.StatusConflict, Type: "no-tokens-here", Title: "There are no personal access tokens here"},
		session.ErrTokenLife: {Status: http.StatusUnprocessableEntity, Type: "bad-lifetime", Title: "The token's days are too many, or no number"},
		apitoken.ErrName:     {Status: http.StatusUnprocessableEntity, Type: "bad-name", Title: "The name is too long, or has characters that can't be printed"},
		apitoken.ErrScope:    {Status: http.StatusUnprocessableEntity, Type: "bad-scope", Title: "The scopes are none that a token may have"},
		apitoken.ErrMany:     {Status: http.StatusConflict, Type: "too-many-tokens", Title: "The account has as many tokens as it may"},
		apitoken.ErrNotFound: {Status: http.StatusNotFound, Type: "no-such-token", Title: "There is no such token"},
	})
}
