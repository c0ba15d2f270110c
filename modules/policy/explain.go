package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// question is what POST /gateway/policy/explain takes: what is to be explained is a request, a decision that was made, or an input as it is.
type question struct {
	Request *askedRequest   `json:"request,omitempty"`
	Past    *askedPast      `json:"past,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`

	Who   who  `json:"who"`             // sends it; not of an input
	Trace bool `json:"trace,omitempty"` // every step too
	Bare  bool `json:"bare,omitempty"`  // only the inputs: who asks decides
}

// askedRequest is a request, or a message on the socket that it opens.
type askedRequest struct {
	Method      string `json:"method"`
	Path        string `json:"path"` // escaped, with its query
	Host        string `json:"host,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"body,omitempty"`      // base64, as Message is
	Direction   string `json:"direction,omitempty"` // of a message: in, out
	Message     []byte `json:"message,omitempty"`
	Handler     string `json:"handler,omitempty"` // only the gw_authorize with this audience
}

// askedPast is what an event tells of a decision.
type askedPast struct {
	Method         string          `json:"method,omitempty"`
	Path           string          `json:"path,omitempty"`
	Route          string          `json:"route,omitempty"`
	Host           string          `json:"host,omitempty"`
	Permission     string          `json:"permission,omitempty"`
	Classification string          `json:"classification,omitempty"`
	Fields         string          `json:"fields,omitempty"`
	Resource       string          `json:"resource,omitempty"` // type:id
	Parent         string          `json:"parent,omitempty"`
	Message        *engine.Message `json:"message,omitempty"`
}

// who is an account, or a person made up.
type who struct {
	Name         string    `json:"name,omitempty"` // "": nobody is signed in, unless by Subject
	Subject      string    `json:"subject,omitempty"`
	Roles        []string  `json:"roles,omitempty"` // in place of the account's; with them there need be no account
	SecondFactor bool      `json:"second_factor,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"`
	BreakGlass   bool      `json:"break_glass,omitempty"`
	IP           string    `json:"ip,omitempty"`
	Country      string    `json:"country,omitempty"`
	At           time.Time `json:"at,omitzero"`
}

// explained is one answer. Of a request there may be several: each gw_authorize that lists its path, and where none does, each there is.
type explained struct {
	Handler     string              `json:"handler,omitempty"`
	Unlisted    bool                `json:"unlisted,omitempty"` // no route names the path
	Unasked     string              `json:"unasked,omitempty"`  // why the policy is not asked at all
	Input       json.RawMessage     `json:"input,omitempty"`
	Revision    string              `json:"revision,omitempty"`
	From        string              `json:"from,omitempty"` // where the policy is from
	Decision    *toldDecision       `json:"decision,omitempty"`
	Explanation *engine.Explanation `json:"explanation,omitempty"`
	Digest      string              `json:"input_digest,omitempty"`
	Then        *then               `json:"then,omitempty"` // of a past decision
}

// toldDecision is a decision as JSON.
type toldDecision struct {
	Allow    bool           `json:"allow"`
	Reason   string         `json:"reason,omitempty"`
	Failure  engine.Failure `json:"failure,omitempty"`
	Error    string         `json:"error,omitempty"`
	StepUp   bool           `json:"step_up,omitempty"`
	MaxAge   int64          `json:"max_age,omitempty"`
	Mask     []string       `json:"mask,omitempty"`
	Encrypt  []string       `json:"encrypt,omitempty"`
	Tier     string         `json:"tier,omitempty"`
	Log      string         `json:"log,omitempty"`
	Expires  int64          `json:"expires,omitempty"`
	Incident string         `json:"incident,omitempty"`
}

func told(d engine.Decision, err error) *toldDecision {
	o := &d.Obligations
	t := &toldDecision{
		Allow: d.Allow, Reason: d.Reason, Failure: d.Failure, StepUp: o.StepUp, MaxAge: int64(o.MaxAge / time.Second), Mask: o.Mask, Encrypt: o.Encrypt,
		Tier: o.Tier, Log: o.Log, Expires: int64(o.Expires / time.Second), Incident: o.Incident,
	}
	if err != nil {
		t.Error = err.Error()
	}
	return t
}

// resolver is a handler that asks the policy by a table of routes: what it would ask about a request, or about a message.
type resolver struct {
	handler string
	resolve func(r *http.Request, direction string, message []byte) (in engine.Input, listed bool, err error)
}

// OnExplain has a handler say what it would ask, when a decision is to be explained. It is called while the configuration loads.
func (a *App) OnExplain(handler string, resolve func(r *http.Request, direction string, message []byte) (in engine.Input, listed bool, err error)) {
	a.resolvers.mu.Lock()
	defer a.resolvers.mu.Unlock()
	a.resolvers.list = append(a.resolvers.list, resolver{handler, resolve})
}

// resolvers are those of one configuration.
type resolvers struct {
	mu   sync.Mutex
	list []resolver
}

func (r *resolvers) all() []resolver {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// Bounds of a question and of the evaluation that answers it.
const (
	mostQuestion   = 4 << 20
	explainTimeout = 10 * time.Second // a trace takes long
)

func (a *App) serveExplain(w http.ResponseWriter, r *http.Request) error {
	raw, err := host.ReadBody(w, r, mostQuestion)
	if err != nil {
		return err
	}
	var q question
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return host.BadRequest(fmt.Errorf("reading the question: %w", err))
	}
	list, err := a.explain(r.Context(), &q)
	if err != nil {
		return err
	}
	return host.AnswerJSON(w, map[string]any{"answers": list})
}

func (a *App) explain(ctx context.Context, q *question) ([]explained, error) {
	if q.Input != nil {
		doc, err := parseInput(q.Input)
		if err != nil {
			return nil, host.BadRequest(err)
		}
		return []explained{a.explainDocument(ctx, q, explained{}, doc)}, nil
	}
	identity, err := describe(ctx, &q.Who)
	if err != nil {
		return nil, host.BadRequest(err)
	}
	client := reqctx.Client{Country: q.Who.Country}
	if q.Who.IP != "" {
		if client.IP, err = netip.ParseAddr(q.Who.IP); err != nil {
			return nil, host.BadRequest(fmt.Errorf("reading the address: %w", err))
		}
	}
	switch {
	case q.Past != nil:
		in := q.Past.input()
		in.Identity, in.Client = identity, client
		return []explained{a.explainInput(ctx, q, explained{}, &in)}, nil
	case q.Request != nil:
		return a.explainRequest(ctx, q, identity, client)
	}
	return nil, host.BadRequest(errors.New("there is nothing to explain: it names no request, no event and no input"))
}

// explainRequest asks the handlers what they would ask.
func (a *App) explainRequest(ctx context.Context, q *question, identity *reqctx.Identity, client reqctx.Client) ([]explained, error) {
	var listed, others []explained
	for _, h := range a.resolvers.all() {
		if q.Request.Handler != "" && q.Request.Handler != h.handler {
			continue
		}
		r, err := q.Request.request(ctx) // each reads the body anew
		if err != nil {
			return nil, host.BadRequest(err)
		}
		r, rc := reqctx.Ensure(r)
		rc.Identity, rc.Client = identity, client
		in, known, err := h.resolve(r, q.Request.Direction, q.Request.Message)
		x := explained{Handler: h.handler, Unlisted: !known}
		if err != nil {
			x.Unasked = err.Error()
		} else {
			x = a.explainInput(ctx, q, x, &in)
		}
		if known {
			listed = append(listed, x)
		} else {
			others = append(others, x)
		}
	}
	switch {
	case len(listed) > 0:
		return listed, nil
	case len(others) > 0:
		return others, nil
	case q.Request.Handler != "":
		return nil, host.BadRequest(fmt.Errorf("no gw_authorize has the audience %q", q.Request.Handler))
	}
	return nil, host.BadRequest(errors.New("the configuration has no gw_authorize, which would know what requests need"))
}

func (a *App) explainInput(ctx context.Context, q *question, x explained, in *engine.Input) explained {
	d, early, err := a.prepare(ctx, in)
	in.BreakGlass = in.BreakGlass || q.Who.BreakGlass && in.Identity != nil
	a.engine.Snapshot().Classify(in)
	if early {
		x.Decision, x.Revision, x.From = told(d, err), d.Revision, a.keeper.State().From
		if raw, err := documentJSON(in.Value()); err == nil {
			x.Input = raw
		}
		return x
	}
	if why := a.engine.Snapshot().Unreadable(in); why != nil && !q.Bare {
		x.Unasked = why.Error()
		return x
	}
	return a.explainDocument(ctx, q, x, in.Value())
}

func (a *App) explainDocument(ctx context.Context, q *question, x explained, doc ast.Value) explained {
	raw, err := documentJSON(doc)
	if err != nil {
		x.Unasked = err.Error()
		return x
	}
	x.Input, x.Digest = raw, engine.Digest(doc)
	if q.Bare {
		return x
	}
	s := a.engine.Snapshot()
	d, why, err := s.Explain(ctx, doc, engine.Options{Timeout: explainTimeout, Now: q.Who.At}, q.Trace)
	x.Decision, x.Explanation, x.Revision, x.From = told(d, err), why, s.Revision, a.keeper.State().From
	return x
}

// describe finds the account, or makes somebody up. Nil is nobody.
func describe(ctx context.Context, w *who) (*reqctx.Identity, error) {
	if w.Name == "" && w.Subject == "" {
		return nil, nil
	}
	id, err := accountOf(ctx, w)
	if err != nil {
		if len(w.Roles) == 0 {
			return nil, fmt.Errorf("the account %s: %w (with roles given there need be none)", w.Name+w.Subject, err)
		}
		now := time.Now().Truncate(time.Second)
		id = &reqctx.Identity{Subject: w.Subject, Name: w.Name, Kind: reqctx.KindPerson, Methods: []string{"pwd"}, ACR: reqctx.ACRSingle, AuthTime: now}
		if id.Subject == "" {
			id.Subject = "made-up"
		}
		if w.SecondFactor {
			id.Methods, id.ACR, id.MFATime = []string{"pwd", "otp", "mfa"}, reqctx.ACRMulti, now
		}
	}
	if len(w.Roles) > 0 {
		id.Roles = w.Roles
	}
	id.Scopes = w.Scopes
	return id, nil
}

// accountOf asks the app gw_identity, which loads after this one.
func accountOf(ctx context.Context, w *who) (*reqctx.Identity, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("gw_identity")
	if err != nil {
		return nil, err
	}
	people, ok := app.(interface {
		Describe(ctx context.Context, name string, secondFactor bool) (*reqctx.Identity, error)
		DescribeID(ctx context.Context, id string, secondFactor bool) (*reqctx.Identity, error)
	})
	switch {
	case !ok:
		return nil, fmt.Errorf("the app gw_identity is a %T", app)
	case w.Subject != "":
		return people.DescribeID(ctx, w.Subject, w.SecondFactor)
	}
	return people.Describe(ctx, w.Name, w.SecondFactor)
}

// request makes the request that a server would hand on.
func (q *askedRequest) request(ctx context.Context) (*http.Request, error) {
	u, err := url.ParseRequestURI(q.Path)
	if err != nil {
		return nil, fmt.Errorf("the path can't be read: %w", err)
	}
	r := &http.Request{
		Method: q.Method, URL: u, RequestURI: q.Path, Host: q.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, ContentLength: int64(len(q.Body)),
	}
	if len(q.Body) > 0 {
		r.Body = readCloser{bytes.NewReader(q.Body)}
		r.Header.Set("Content-Type", q.ContentType)
	}
	return r.WithContext(ctx), nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func (p *askedPast) input() engine.Input {
	return engine.Input{
		Method: p.Method, Path: p.Path, Route: p.Route, Host: p.Host, Permission: p.Permission, Classification: p.Classification, Fields: p.Fields,
		Resource: object(p.Resource), Parent: object(p.Parent), Message: p.Message,
	}
}

// parseInput reads a document as it is. Numbers are kept as they are written.
func parseInput(raw []byte) (ast.Value, error) {
	v, err := ast.ValueFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the input can't be read: %w", err)
	}
	if _, ok := v.(ast.Object); !ok {
		return nil, errors.New("the input is no JSON object")
	}
	return v, nil
}

func documentJSON(doc ast.Value) (json.RawMessage, error) {
	v, err := ast.JSON(doc)
	if err != nil {
		return nil, fmt.Errorf("writing the input: %w", err)
	}
	return json.Marshal(v)
}
