package authenticate

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/authenticate/foreign"
	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ServeHTTP finds out who is calling, or refuses.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	defer h.ground.Hold()()
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Authenticate, next)
	defer rc.Cost.End()
	if h.LoginURL != "off" {
		rc.LoginURL = h.LoginURL
	}
	portal := isPortal(r.URL.Path)
	cred := take(r.Header, portal)
	id, no := h.identify(r, rc, cred)
	certified := false
	if cred == nil {
		id = foreign.ByCertificate(h.Certificates, r.TLS, time.Now())
		if certified = id != nil; certified {
			certificates.Inc()
		} else {
			anonymous.Inc()
		}
	}
	if no != nil && cred.cookie && portal && no.status != http.StatusServiceUnavailable {
		if no.status != http.StatusTooManyRequests { // it may be a good one: it was not looked at
			clearAccess(w)
		}
		requests.WithLabelValues(no.result).Inc()
		id, no = nil, nil
	}
	if no != nil {
		return h.refuse(w, r, rc, no, cred)
	}
	rc.Identity = id
	if id != nil {
		h.ground.Abuse.Seen(rc.Client.IP, id.Subject)
		rc.Client.Risk = h.ground.Risk.Of(rc.Client.IP, id.Subject)
	}
	if id != nil && (id.Cookie || certified) && h.crossSite(r) { // a browser attaches both by itself
		return h.refuse(w, r, rc, &refusal{status: http.StatusForbidden, result: "cross_site", kind: "cross-site", title: "The request came from another site"}, cred)
	}
	if wsframe.IsHandshake(r) {
		if h.foreignSocket(r, id != nil && id.Cookie) {
			return h.refuse(w, r, rc, &refusal{status: http.StatusForbidden, result: "cross_site", kind: "cross-site", title: "The socket was opened by another site"}, cred)
		}
		if id != nil {
			w, r = h.guard(w, r, id, cred)
		}
	}
	return next.ServeHTTP(w, r)
}

// refusal is why nobody was identified.
type refusal struct {
	status     int
	result     string // the metric's label
	kind       string // the problem's type, "" for the status's own
	title      string
	retryAfter time.Duration
}

// identify returns who the credential stands for; nil, nil without one.
func (h *Handler) identify(r *http.Request, rc *reqctx.Request, cred *credential) (*reqctx.Identity, *refusal) {
	switch {
	case cred == nil:
		return nil, nil
	case cred.status != 0:
		return nil, &refusal{status: cred.status, result: "malformed"}
	}
	if id, ok := h.known(cred); ok {
		known.Inc()
		return own(id, cred), nil
	}
	client := rc.Client
	if !client.IP.IsValid() { // without gw_client
		client.IP = peer(r)
	}
	refund, wait, ok := h.budget.take(client.Key())
	if !ok {
		h.ground.Abuse.NoteClient(client, "", abuse.Limited)
		return nil, &refusal{status: http.StatusTooManyRequests, result: "throttled", retryAfter: wait, title: "Too many bad tokens"}
	}
	id, err := h.verify(r, cred)
	if errors.Is(err, token.ErrInvalid) {
		if !errors.Is(err, token.ErrStale) {
			h.ground.Abuse.NoteClient(client, "", abuse.Token)
		}
		return nil, &refusal{status: http.StatusUnauthorized, result: "invalid"}
	}
	if errors.Is(err, foreign.ErrNoRole) {
		return nil, &refusal{status: http.StatusForbidden, result: "no_role", kind: "no-role", title: "The token gives no role here"}
	}
	if !errors.Is(err, oidc.ErrUnavailable) { // nothing shows that such a token is by the issuer
		refund()
	}
	if err != nil || id == nil { // fail closed: it could not be checked
		if r.Context().Err() == nil {
			h.logger.Error("a token could not be checked: the request is refused", zap.Error(err), zap.String("request_id", rc.ID))
		}
		return nil, &refusal{status: http.StatusServiceUnavailable, result: "error", retryAfter: 5 * time.Second}
	}
	verified.Inc()
	return own(id, cred), nil
}

// known finds a token that was verified before: one of ours, or by an issuer that is configured. Those count as bearer tokens only.
func (h *Handler) known(cred *credential) (*reqctx.Identity, bool) {
	id, ok := h.identity.Known(cred.token)
	if !ok && h.issuers != nil && !cred.cookie {
		id, ok = h.issuers.Known(cred.token)
	}
	return id, ok
}

// verify has a token looked at by whoever it says that it is from. Errors: token.ErrInvalid, foreign.ErrNoRole; else it could not be checked.
func (h *Handler) verify(r *http.Request, cred *credential) (*reqctx.Identity, error) {
	if h.issuers == nil || cred.cookie || !h.issuers.Claims(cred.token) {
		return h.identity.Verify(r.Context(), cred.token)
	}
	var cert []byte
	if r.TLS != nil && r.TLS.HandshakeComplete && len(r.TLS.PeerCertificates) > 0 {
		cert = r.TLS.PeerCertificates[0].Raw
	}
	return h.issuers.Verify(r.Context(), cred.token, cert)
}

// own notes how the token came, on a copy: gw_identity shares what it remembers.
func own(id *reqctx.Identity, cred *credential) *reqctx.Identity {
	if id.Cookie == cred.cookie {
		return id
	}
	c := *id
	c.Cookie = cred.cookie
	return &c
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, no *refusal, cred *credential) error {
	requests.WithLabelValues(no.result).Inc()
	switch no.status {
	case http.StatusUnauthorized, http.StatusBadRequest:
		w.Header().Set("WWW-Authenticate", challenge(no, cred))
		if cred.cookie {
			clearAccess(w)
		}
	}
	// What failed to be looked at is the request's own event; these are somebody's doing.
	switch no.result {
	case "invalid", "malformed", "no_role", "cross_site":
		h.emit(r, rc, no)
	}
	problem.Write(w, r, problem.Problem{Status: no.status, Type: no.kind, Title: no.title, RetryAfter: no.retryAfter})
	return nil
}

// challenge is RFC 6750 section 3: programs learn whether to get a new token.
func challenge(no *refusal, cred *credential) string {
	switch {
	case cred.cookie:
		return "Bearer"
	case no.status == http.StatusBadRequest:
		return `Bearer error="invalid_request"`
	}
	return `Bearer error="invalid_token"`
}

func (h *Handler) emit(r *http.Request, rc *reqctx.Request, no *refusal) {
	e := &event.Event{
		Category: "authentication", Action: "token-refused", Outcome: event.Failure, Reason: no.result,
		Method: r.Method, Host: route.Hostname(r.Host), Path: redact.Path(r.URL.EscapedPath(), rc.Route), UserAgent: r.UserAgent(),
	}
	if no.result == "cross_site" {
		e.Action = "cross-site-refused"
	}
	h.ground.Events.Emit(e.About(rc))
}
