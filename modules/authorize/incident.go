package authorize

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const (
	incidentEvery = time.Minute // the same is told once in so long: each decision is in the decision log anyway
	maxIncidents  = 4096
)

// incidents remembers what was told.
type incidents struct {
	mu   sync.Mutex
	told map[incident]time.Time
}

// incident is what makes two of them the same.
type incident struct {
	name, permission, route, client, subject, session string
	allow                                             bool
}

// first tells whether the incident was not told lately.
func (s *incidents) first(i incident, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.told[i]; ok && now.Sub(at) < incidentEvery {
		return false
	}
	if s.told == nil || len(s.told) >= maxIncidents { // some are told twice, then
		s.told = map[incident]time.Time{}
	}
	s.told[i] = now
	return true
}

// incident says in an event what the policy calls an incident.
func (h *Handler) incident(rc *reqctx.Request, in *engine.Input, d engine.Decision) {
	if d.Obligations.Incident == "" {
		return
	}
	i := incident{name: event.Cut(d.Obligations.Incident, 64), permission: in.Permission, route: in.Route, allow: d.Allow}
	e := &event.Event{
		Category: "iam", Action: "policy-incident", Outcome: event.Failure, Reason: d.Reason,
		Method: in.Method, Host: in.Host, Route: in.Route,
		Fields: []zap.Field{
			zap.String("gateway.incident.name", i.name), zap.String("gateway.decision.permission", in.Permission),
			zap.Bool("gateway.decision.allow", d.Allow), zap.String("gateway.decision.revision", d.Revision),
		},
	}
	if d.Allow {
		e.Outcome = event.Success
	}
	if rc.Client.IP.IsValid() {
		i.client = rc.Client.Key()
	}
	if id := in.Identity; id != nil {
		i.subject, i.session = id.Subject, id.Session
	}
	if h.incidents.first(i, h.now()) {
		h.ground.Events.Emit(e.By(in.Identity).About(rc))
	}
}
