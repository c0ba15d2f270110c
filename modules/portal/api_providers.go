package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// providers is what gw_portal asks of the app gw_identity about outside providers.
type providers interface {
	BeginProvider(ctx context.Context, provider, redirect, returnTo string) (address, cookie string, err error)
	BeginLink(ctx context.Context, id *reqctx.Identity, provider, redirect, returnTo string) (address, cookie string, err error)
	BeginProviderStepUp(ctx context.Context, id *reqctx.Identity, provider, redirect, returnTo string) (address, cookie string, err error)
	FinishProvider(ctx context.Context, provider string, query url.Values, cookie string, id *reqctx.Identity, t session.Attempt) (federation.Start, session.Result, error)
	Links(ctx context.Context, id *reqctx.Identity) ([]federation.Linked, error)
	Unlink(ctx context.Context, id *reqctx.Identity, link string) error
}

var providerRoutes = map[string]route{
	"/auth/oidc/{id}/start":        {permission: public, methods: methods{"GET": (*Handler).startProvider}},
	"/auth/oidc/{id}/callback":     {permission: public, methods: methods{"GET": (*Handler).providerAnswer}},
	"/auth/api/account/links":      {permission: self, methods: methods{"GET": (*Handler).listLinks, "POST": (*Handler).beginLink}},
	"/auth/api/account/links/{id}": {permission: self, methods: methods{"DELETE": (*Handler).unlink}},
	"/auth/api/stepup/provider":    {permission: self, methods: methods{"POST": (*Handler).stepUpProvider}, stepUp: true},
}

// flowCookie keeps what a login by a provider needs to remember. With the prefix __Host- no neighbouring host can plant one: else a person could be
// led to end a login that somebody else began.
const flowCookie = "__Host-gw_oidc"

func setFlow(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{Name: flowCookie, Value: value, Path: "/", MaxAge: int(federation.FlowLife.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func clearFlow(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: flowCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// callback is where the provider sends the browser back to. Cookies with prefixes need https, so it is nothing else.
func (c *call) callback(provider string) string {
	return (&url.URL{Scheme: "https", Host: c.r.Host, Path: "/auth/oidc/" + provider + "/callback"}).String()
}

// startProvider sends the browser to the provider. Only from the own pages, or typed in: another site's page could else sign its visitor in.
func (h *Handler) startProvider(c *call) error {
	to := c.returnTo(h.Home)
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	switch c.r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return redirect(c, loginURL(to, nil))
	}
	address, cookie, err := h.identity.BeginProvider(c.r.Context(), c.id, c.callback(c.id), to)
	if errors.Is(err, federation.ErrProvider) {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
		return nil
	}
	if err != nil {
		h.logger.Error("a provider can't be asked", zap.Error(err), zap.String("request_id", c.rc.ID))
		return redirect(c, loginURL(to, url.Values{"error": {"provider-unavailable"}}))
	}
	setFlow(c.w, cookie)
	return redirect(c, address)
}

// loginURL is the login page; what it is to know stands behind the #, which no server and no Referer sees.
func loginURL(returnTo string, more url.Values) string {
	u := url.URL{Path: "/auth/login", RawQuery: url.Values{"return_to": {returnTo}}.Encode()}
	if len(more) == 0 {
		return u.String()
	}
	return u.String() + "#" + more.Encode()
}

// providerAnswer takes what the provider sends the browser back with, and sends it on.
func (h *Handler) providerAnswer(c *call) error {
	c.w.Header().Set("Referrer-Policy", "no-referrer") // the address has the code
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	flows := cookies(c.r, flowCookie)
	if err != nil || len(flows) != 1 {
		clearFlow(c.w)
		return redirect(c, loginURL(h.Home, url.Values{"error": {"provider-expired"}}))
	}
	start, res, err := h.identity.FinishProvider(c.r.Context(), c.id, query, flows[0], c.rc.Identity, c.attempt())
	if errors.Is(err, federation.ErrFlow) && start.Purpose == "" {
		// Not the one that the cookie is of: another tab's may still end well.
		return redirect(c, loginURL(h.Home, url.Values{"error": {"provider-expired"}}))
	}
	to := safeReturn(start.ReturnTo, h.Home)
	login := start.Purpose == federation.Login || start.Purpose == ""
	switch {
	case err != nil && login:
		clearFlow(c.w)
		return redirect(c, loginURL(to, url.Values{"error": {providerError(err)}}))
	case err != nil:
		clearFlow(c.w)
		return redirect(c, to+"#"+url.Values{"error": {providerError(err)}}.Encode())
	case start.Purpose == federation.Link:
		clearFlow(c.w)
		return redirect(c, to+"#linked")
	case res.Tokens == nil:
		clearFlow(c.w)
		return redirect(c, loginURL(to, url.Values{"status": {stepOf(res)}, "mfa_token": {res.MFAToken}, "factors": {strings.Join(res.Factors, ",")}}))
	}
	if login {
		h.endReplaced(c)
	}
	c.w.Header().Del("Set-Cookie") // gw_authenticate may have cleared the old one
	setCookies(c.w, res.Tokens)
	setDevice(c.w, res)
	clearFlow(c.w)
	return redirect(c, to)
}

// providerError is what the pages have words for.
func providerError(err error) string {
	switch {
	case errors.Is(err, federation.ErrFlow):
		return "provider-expired"
	case errors.Is(err, federation.ErrDenied):
		return "provider-denied"
	case errors.Is(err, federation.ErrRefused):
		return "provider-refused"
	}
	if p := problemOf(err); p.Type != "" {
		return p.Type
	}
	return "provider-unavailable"
}

func (h *Handler) beginLink(c *call) error {
	return h.toProvider(c, h.identity.BeginLink)
}

func (h *Handler) stepUpProvider(c *call) error {
	return h.toProvider(c, h.identity.BeginProviderStepUp)
}

// toProvider answers a page of ours with the address to go to. It is a POST, so that no other site's page can have its visitor link an account of
// the attacker's choice.
func (h *Handler) toProvider(c *call, begin func(ctx context.Context, id *reqctx.Identity, provider, redirect, returnTo string) (string, string, error)) error {
	in, err := c.fields("provider", "return_to")
	if err != nil {
		return err
	}
	if err := need(in, "provider"); err != nil {
		return err
	}
	if !c.rc.Identity.Cookie {
		return &badBody{http.StatusConflict, "Only a browser can go to a provider"}
	}
	address, cookie, err := begin(c.r.Context(), c.rc.Identity, in["provider"], c.callback(in["provider"]), safeReturn(in["return_to"], "/auth/account/security"))
	if err != nil {
		return err
	}
	setFlow(c.w, cookie)
	return c.writeJSON(map[string]string{"url": address})
}

// link is one of a person's links as the API shows it.
type link struct {
	ID        string `json:"id"`
	Provider  string `json:"provider"`
	Name      string `json:"name"` // of the provider; its id where it is no longer configured
	Label     string `json:"label"`
	CreatedAt string `json:"created_at"`
	UsedAt    string `json:"used_at,omitempty"`
}

func (h *Handler) listLinks(c *call) error {
	linked, err := h.identity.Links(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, o := range h.identity.LoginProviders() {
		names[o.ID] = o.Name
	}
	all := make([]link, len(linked))
	for i, k := range linked {
		all[i] = link{ID: k.ID, Provider: k.Provider, Name: k.Provider, Label: k.Label, CreatedAt: stamp(k.CreatedAt)}
		if name := names[k.Provider]; name != "" {
			all[i].Name = name
		}
		if !k.UsedAt.IsZero() {
			all[i].UsedAt = stamp(k.UsedAt)
		}
	}
	return c.writeJSON(map[string]any{"links": all})
}

func (h *Handler) unlink(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	err := h.identity.Unlink(c.r.Context(), c.rc.Identity, c.id)
	if errors.Is(err, account.ErrNotFound) {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
		return nil
	}
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// linkProblem is the part of problemOf for providers.
func linkProblem(err error) (problem.Problem, bool) {
	return listed(err, map[error]problem.Problem{
		session.ErrLinkFirst:   {Status: http.StatusConflict, Type: "link-first", Title: "There is an account with this address: sign in to it as usual, and link the provider there"},
		session.ErrNoAccount:   {Status: http.StatusForbidden, Type: "no-account", Title: "There is no account for this login"},
		session.ErrLinked:      {Status: http.StatusConflict, Type: "link-taken", Title: "This login belongs to another account"},
		session.ErrLastWay:     {Status: http.StatusConflict, Type: "last-way-in", Title: "It is the only way to sign in: set a password first"},
		session.ErrOtherPerson: {Status: http.StatusForbidden, Type: "other-person", Title: "The provider signed in somebody else"},
		federation.ErrMany:     {Status: http.StatusConflict, Type: "too-many-links", Title: "The account has as many links as it may"},
		federation.ErrProvider: {Status: http.StatusNotFound, Type: "no-provider", Title: "There is no such provider"},
	})
}
