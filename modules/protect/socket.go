package protect

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/protect/field"
	"github.com/convosphere/gateway/modules/protect/record"
)

// conversation works on the messages of one open socket. Its two directions run beside each other, and share nothing that changes.
type conversation struct {
	h       *Handler
	r       *http.Request // the handshake
	rc      *reqctx.Request
	channel *channel // nil: not configured
	segs    []string
	env     *record.Env
	caller  string // for whom memory is counted
}

// What closes a socket, as far as a client is told.
var (
	closeSent     = &wsframe.Close{Code: wsframe.CodePolicy, Reason: "The message holds what only the gateway writes"}
	closeInvalid  = &wsframe.Close{Code: wsframe.CodePolicy, Reason: "The message is malformed"}
	closeBinary   = &wsframe.Close{Code: wsframe.CodeUnsupported, Reason: "Binary messages are not taken"}
	closeErased   = &wsframe.Close{Code: wsframe.CodePolicy, Reason: "What the message belongs to was erased"}
	closeLater    = &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "Temporarily unavailable"}
	closeInternal = &wsframe.Close{Code: wsframe.CodeInternal, Reason: "The message could not be processed"}
)

// smallMessage takes no room of its own: a socket's buffers take as much.
const smallMessage = 16 << 10

// watchSocket puts the handler on the messages of the socket that a handshake opens.
func (h *Handler) watchSocket(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (http.ResponseWriter, *http.Request, error) {
	segs, err := route.Segments(r.URL)
	if err != nil {
		return w, r, err
	}
	c, err := h.sockets.Find(r.Method, segs)
	if err != nil {
		return w, r, err
	}
	w, r, tap := wsframe.Attach(w, r)
	t := &conversation{h: h, r: r, rc: rc, channel: c, segs: segs, caller: rc.Caller(r)}
	t.env = h.env(func(name string) (string, bool) { return t.script().value(name, segs) })
	tap.OnMessage(t.message)
	return w, r, nil
}

// value is a variable of the socket's path.
func (s *script) value(name string, segs []string) (string, bool) {
	if s == nil || s.pattern == nil {
		return "", false
	}
	return s.pattern.Value(name, segs)
}

// script is what the configuration and the policy in force say of the socket; nil where nothing is to be done.
func (t *conversation) script() *script {
	return t.h.planner.plans().script(t.channel, t.segs)
}

// message is the hook: nil passes a message on.
func (t *conversation) message(ctx context.Context, m *wsframe.Message) error {
	leave, err := t.hold(ctx, m.Data)
	if err != nil { // fail closed
		return closeLater
	}
	defer leave()
	if m.Dir == wsframe.In {
		return t.in(ctx, m)
	}
	return t.out(ctx, m)
}

// hold takes room for a long message while it is worked on.
func (t *conversation) hold(ctx context.Context, text []byte) (leave func(), err error) {
	if len(text) <= smallMessage {
		return func() {}, nil
	}
	seat, err := t.h.room.Enter(ctx, t.caller, int64(len(text))*bodyWeight, bodyWait)
	if err != nil {
		return nil, err
	}
	return seat.Leave, nil
}

// in encrypts the fields of a message, and refuses what the client can't have written.
func (t *conversation) in(ctx context.Context, m *wsframe.Message) error {
	s := t.script()
	if s == nil || len(s.in) == 0 {
		g := field.Guard{Escapes: field.JSON}
		if g.Write(m.Data) {
			return t.refused(s, &fault{http.StatusUnprocessableEntity, wordToken, record.ErrSent}, closeSent)
		}
		return nil
	}
	if m.Binary { // fail closed: a back end may read it as the JSON that it could be
		return t.refused(s, &fault{http.StatusUnsupportedMediaType, wordInvalid, errType}, closeBinary)
	}
	doc, err := strictjson.Parse(m.Data)
	if err != nil {
		return t.refused(s, &fault{http.StatusBadRequest, wordInvalid, record.ErrJSON}, closeInvalid)
	}
	l, err := s.find(s.in, doc)
	if err == nil && l.missing != nil {
		err = &record.Error{Err: errors.Join(record.ErrKeys, l.missing)}
	}
	var data []byte
	var counts record.Counts
	if err == nil {
		data, counts, err = l.plan.SealDoc(ctx, t.env, m.Data, doc)
	}
	if err != nil {
		f := refusal(err)
		return t.refused(s, f, closingIn(f))
	}
	sealed.Add(float64(counts.Fields))
	m.Data = data
	return nil
}

// find is what is done to a message by its type; nothing where it is of no type that is known. Fail closed: a type that could be read in two ways is none.
func (s *script) find(of map[string]line, doc *strictjson.Value) (line, error) {
	typ, err := doc.Get(s.typ)
	if err != nil {
		return line{}, &record.Error{Pointer: "/" + s.typ, Err: record.ErrCase}
	}
	if typ == nil || typ.Kind != strictjson.String {
		return line{}, nil
	}
	return of[typ.Text], nil
}

func closingIn(f *fault) *wsframe.Close {
	switch f.word {
	case wordToken:
		return closeSent
	case wordErased:
		return closeErased
	case wordUnavailable:
		return closeLater
	}
	return closeInvalid
}

// refused closes the socket for a message of the client.
func (t *conversation) refused(s *script, f *fault, why *wsframe.Close) error {
	requests.WithLabelValues(f.word).Inc()
	switch f.word {
	case wordToken:
		t.h.tell(t.r, t.rc, s.title(), "protect-token-sent", f)
	case wordUnavailable:
		t.h.logger.Error("a message was refused, since a field of it can't be protected", zap.String("route", s.title()), zap.Error(f.err))
	}
	return why
}

func (s *script) title() string {
	if s == nil {
		return ""
	}
	return s.name
}

// out decrypts the fields of a message for whom the policy allows. What can't be decrypted closes the socket: the client never sees half of it.
func (t *conversation) out(ctx context.Context, m *wsframe.Message) error {
	s := t.script()
	if s == nil || len(s.out) == 0 || m.Binary { // in which nothing is decrypted
		return nil
	}
	doc, err := strictjson.Parse(m.Data)
	if err != nil {
		t.h.logger.Warn("a message of the back end was dropped: it can't be read", zap.String("route", s.name), zap.Error(err))
		answersWithheld.Inc()
		return wsframe.Drop
	}
	l, err := s.find(s.out, doc)
	if err == nil && l.plan == nil && l.missing == nil {
		return nil
	}
	var data []byte
	var counts record.Counts
	var f *fault
	switch {
	case err != nil:
		f = withholding(err)
	case l.missing != nil:
		f = &fault{http.StatusServiceUnavailable, wordUnavailable, l.missing}
	case t.rc.Decision == nil || !t.rc.Decision.Allow: // fail closed: nobody has let this person in
		f = &fault{http.StatusServiceUnavailable, wordUnavailable, errNoDecision}
	default:
		if data, counts, err = l.plan.OpenDoc(ctx, t.env, m.Data, doc); err != nil {
			f = withholding(err)
		}
	}
	if f != nil {
		return t.withheld(s, f)
	}
	count(counts)
	m.Data = data
	return nil
}

// withheld closes the socket for a message of the back end.
func (t *conversation) withheld(s *script, f *fault) error {
	answersWithheld.Inc()
	t.h.tell(t.r, t.rc, s.name, "protect-message-withheld", f)
	t.h.logger.Error("a message of the back end was withheld", zap.String("route", s.name), zap.Error(f))
	if f.word == wordUnavailable {
		return closeLater
	}
	return closeInternal
}
