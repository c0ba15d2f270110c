package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// emit records a step of somebody who proves who they are. Who is signed in where the request came from is no part of it: only a is.
func (m *Manager) emit(t Attempt, a account.Account, action, outcome, reason, sid string, fields ...zap.Field) {
	m.Events.Emit(m.attempted(t, a, action, outcome, reason, sid, fields))
}

func (m *Manager) attempted(t Attempt, a account.Account, action, outcome, reason, sid string, fields []zap.Field) *event.Event {
	e := &event.Event{
		Time: m.Now(), Category: "authentication", Action: action, Outcome: outcome, Reason: reason, RequestID: t.RequestID, TraceID: t.TraceID,
		UserAgent: t.UserAgent, UserID: a.ID, Session: sid, Device: t.known, Fields: fields,
	}
	if sid != "" {
		e.UserRoles = a.Roles
	}
	if strings.HasPrefix(action, "login") {
		e.Account = m.accountOf(t, a)
	}
	return e.From(t.Client)
}

// signedIn records a login that has begun the session s.
func (m *Manager) signedIn(t Attempt, a account.Account, s *row, reason string) {
	e := m.attempted(t, a, "login", event.Success, reason, s.id, nil)
	e.Device, e.Begun = s.device, s.created
	m.Events.Emit(e)
}

// accountOf is the name that a login tried, as events have it: a keyed hash, so that tries of one name can be counted and nobody learns the name.
func (m *Manager) accountOf(t Attempt, a account.Account) string {
	name := t.Username
	if name == "" {
		name = a.Name
	}
	if name == "" {
		return ""
	}
	h := hmac.New(sha256.New, m.tried)
	h.Write([]byte(oneSpelling(name)))
	return base32.StdEncoding.EncodeToString(h.Sum(nil)[:10])
}

// iam records what became of an account by the request of ctx.
func (m *Manager) iam(ctx context.Context, a account.Account, action, reason, sid string) {
	m.tell(ctx, &event.Event{Category: "iam", Action: action, Outcome: event.Success, Reason: reason, UserID: a.ID, Session: sid})
}

// tell records what the request of ctx did.
func (m *Manager) tell(ctx context.Context, e *event.Event) {
	e.Time = m.Now()
	m.Events.Emit(e.About(reqctx.From(ctx)))
}

// attemptOf is what is known of a try by the request of ctx alone.
func attemptOf(ctx context.Context) (t Attempt) {
	if rc := reqctx.From(ctx); rc != nil {
		t.Client, t.RequestID, t.TraceID = rc.Client, rc.ID, rc.Trace.ID()
	}
	return t
}
