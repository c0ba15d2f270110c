package event

import "github.com/convosphere/gateway/modules/internal/reqctx"

// About fills in what is known of the request that e is about, where e says nothing of it yet: which, from where, by whom. A nil rc is none. It returns e.
func (e *Event) About(rc *reqctx.Request) *Event {
	if rc == nil {
		return e
	}
	if e.RequestID == "" {
		e.RequestID = rc.ID
	}
	if e.TraceID == "" {
		e.TraceID, e.SpanID = rc.Trace.ID(), rc.Trace.Span()
	}
	if e.Route == "" {
		e.Route = rc.Route
	}
	if e.Resource == (Resource{}) {
		e.Resource = Resource(rc.Resource)
	}
	e.from(rc.Client)
	if id := rc.Identity; id != nil && (e.UserID == "" || e.UserID == id.Subject && e.Session == id.Session) {
		e.By(id)
	}
	return e
}

func (e *Event) from(c reqctx.Client) {
	if e.SourceIP != "" || !c.IP.IsValid() {
		return
	}
	e.SourceIP, e.Country = c.IP.String(), c.Country
}

// From fills in where it came from, as far as that is known. It returns e.
func (e *Event) From(c reqctx.Client) *Event {
	e.from(c)
	return e
}

// By fills in who did it; nil is nobody that is known. It returns e.
func (e *Event) By(id *reqctx.Identity) *Event {
	if id != nil {
		e.UserID, e.UserRoles, e.Session, e.Begun, e.Device = id.Subject, id.Roles, id.Session, id.Begun, id.Device
	}
	return e
}
