package engine

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Object is a thing that decisions are about: a room, a message. The type comes from configuration and holds no colon; the
// id may hold anything.
type Object struct {
	Type, ID string
}

// IsZero tells whether no object is meant.
func (o Object) IsZero() bool { return o == Object{} }

// String is "type:id", as grants name the object. It is unambiguous, since the type holds no colon.
func (o Object) String() string {
	if o.IsZero() {
		return ""
	}
	return o.Type + ":" + o.ID
}

// Message is what is known of one socket message.
type Message struct {
	Type      string
	Direction string // "in": client to back end; "out"
}

// Input is what a decision is made from. Rego sees it as
//
//	{
//	  "request":  {"method", "path", "route", "host", "permission", "classification"},
//	  "identity": {"subject", "name", "roles", "kind", "issuer", "scopes", "amr", "acr", "auth_time", "mfa_time",
//	               "session", "trusted_device", "risk", "created", "break_glass"},             absent: nobody is signed in
//	  "client":   {"ip", "country"},
//	  "resource": {"type", "id"}, "parent": {"type", "id"}, "target",                          each absent without
//	  "grants":   {"resource": [relation], "parent": [relation]},
//	  "message":  {"type", "direction"},                                                      absent but on sockets
//	  "body", "truncated"                                                                     absent but where the route asks for the body
//	}
//
// Times are seconds since 1970; mfa_time is absent where no second factor was given in the session, scopes where the token is not
// limited to any, issuer where it is this gateway, country where it is not known, classification where the route says none, created
// where the account is not one of this gateway. truncated is true where the body was too large to be seen: what is allowed then is
// refused all the same, unless the decision says allow_truncated.
type Input struct {
	RequestID                 string // for the decision log: no part of the document
	Element                   bool   // of a list, which is logged as one decision: no part of the document either
	Method, Path, Route, Host string
	Permission                string // what the route asks for
	Classification            string // of what the route answers: public, internal, confidential, restricted; "" it does not say
	Identity                  *reqctx.Identity
	Client                    reqctx.Client
	Resource, Parent          Object
	Target                    string   // the person a request is about: who is put into a room
	Relations                 []string // of the identity to Resource
	ParentRelations           []string // of the identity to Parent
	Message                   *Message
	BreakGlass                bool      // the session has emergency access
	Body                      ast.Value // JSON that the client sent; nil where the route does not ask for it
	Truncated                 bool      // the route asks for the body, but it is larger than may be seen
}

// Keys of the document, made once: terms are immutable and shared.
var (
	kRequest, kIdentity, kClient  = ast.StringTerm("request"), ast.StringTerm("identity"), ast.StringTerm("client")
	kResource, kParent, kTarget   = ast.StringTerm("resource"), ast.StringTerm("parent"), ast.StringTerm("target")
	kGrants, kMessage             = ast.StringTerm("grants"), ast.StringTerm("message")
	kMethod, kPath, kRoute, kHost = ast.StringTerm("method"), ast.StringTerm("path"), ast.StringTerm("route"), ast.StringTerm("host")
	kPermission, kIP              = ast.StringTerm("permission"), ast.StringTerm("ip")
	kType, kID, kDirection        = ast.StringTerm("type"), ast.StringTerm("id"), ast.StringTerm("direction")
	kSubject, kName, kRoles, kAMR = ast.StringTerm("subject"), ast.StringTerm("name"), ast.StringTerm("roles"), ast.StringTerm("amr")
	kKind, kIssuer, kScopes       = ast.StringTerm("kind"), ast.StringTerm("issuer"), ast.StringTerm("scopes")
	kACR, kTrusted, kRisk         = ast.StringTerm("acr"), ast.StringTerm("trusted_device"), ast.StringTerm("risk")
	kCountry, kClassification     = ast.StringTerm("country"), ast.StringTerm("classification")
	kCreated, kBreakGlass         = ast.StringTerm("created"), ast.StringTerm("break_glass")
	kBody, kTruncated             = ast.StringTerm("body"), ast.StringTerm("truncated")
	kAuthTime, kMFATime, kSession = ast.StringTerm("auth_time"), ast.StringTerm("mfa_time"), ast.StringTerm("session")
	emptyList, noGrants           = ast.ArrayTerm(), ast.ObjectTerm([2]*ast.Term{kResource, ast.ArrayTerm()}, [2]*ast.Term{kParent, ast.ArrayTerm()})
)

type pair = [2]*ast.Term

// Value is the document that Rego sees.
func (in *Input) Value() ast.Value { return in.value() }

// value builds the document by hand: going through JSON costs more than the decision.
func (in *Input) value() ast.Value {
	pairs := make([]pair, 0, 9)
	pairs = append(pairs,
		pair{kRequest, in.request()},
		pair{kClient, client(in.Client)},
		pair{kGrants, in.grants()})
	if in.Identity != nil {
		pairs = append(pairs, pair{kIdentity, identity(in.Identity, in.BreakGlass)})
	}
	if !in.Resource.IsZero() {
		pairs = append(pairs, pair{kResource, object(in.Resource)})
	}
	if !in.Parent.IsZero() {
		pairs = append(pairs, pair{kParent, object(in.Parent)})
	}
	if in.Target != "" {
		pairs = append(pairs, pair{kTarget, ast.StringTerm(in.Target)})
	}
	if m := in.Message; m != nil {
		pairs = append(pairs, pair{kMessage, ast.ObjectTerm(pair{kType, ast.StringTerm(m.Type)}, pair{kDirection, ast.StringTerm(m.Direction)})})
	}
	switch {
	case in.Truncated:
		pairs = append(pairs, pair{kTruncated, ast.BooleanTerm(true)})
	case in.Body != nil:
		pairs = append(pairs, pair{kBody, ast.NewTerm(in.Body)}, pair{kTruncated, ast.BooleanTerm(false)})
	}
	return ast.NewObject(pairs...)
}

func (in *Input) request() *ast.Term {
	pairs := make([]pair, 0, 6)
	pairs = append(pairs,
		pair{kMethod, ast.StringTerm(in.Method)}, pair{kPath, ast.StringTerm(in.Path)}, pair{kRoute, ast.StringTerm(in.Route)},
		pair{kHost, ast.StringTerm(in.Host)}, pair{kPermission, ast.StringTerm(in.Permission)})
	if in.Classification != "" {
		pairs = append(pairs, pair{kClassification, ast.StringTerm(in.Classification)})
	}
	return ast.ObjectTerm(pairs...)
}

func (in *Input) grants() *ast.Term {
	if len(in.Relations) == 0 && len(in.ParentRelations) == 0 {
		return noGrants
	}
	return ast.ObjectTerm(pair{kResource, list(in.Relations)}, pair{kParent, list(in.ParentRelations)})
}

func client(c reqctx.Client) *ast.Term {
	if !c.IP.IsValid() {
		return ast.ObjectTerm()
	}
	if c.Country == "" {
		return ast.ObjectTerm(pair{kIP, ast.StringTerm(c.IP.String())})
	}
	return ast.ObjectTerm(pair{kIP, ast.StringTerm(c.IP.String())}, pair{kCountry, ast.StringTerm(c.Country)})
}

func object(o Object) *ast.Term {
	return ast.ObjectTerm(pair{kType, ast.StringTerm(o.Type)}, pair{kID, ast.StringTerm(o.ID)})
}

func identity(i *reqctx.Identity, breakGlass bool) *ast.Term {
	pairs := make([]pair, 0, 15)
	pairs = append(pairs,
		pair{kSubject, ast.StringTerm(i.Subject)}, pair{kName, ast.StringTerm(i.Name)},
		pair{kRoles, list(i.Roles)}, pair{kKind, ast.StringTerm(i.Kind)},
		pair{kAMR, list(i.Methods)}, pair{kACR, ast.StringTerm(i.ACR)},
		pair{kSession, ast.StringTerm(i.Session)},
		pair{kTrusted, ast.BooleanTerm(i.Trusted)}, pair{kRisk, list(i.Risk)},
		pair{kBreakGlass, ast.BooleanTerm(breakGlass)})
	if i.Issuer != "" {
		pairs = append(pairs, pair{kIssuer, ast.StringTerm(i.Issuer)})
	}
	if i.Scopes != nil {
		pairs = append(pairs, pair{kScopes, list(i.Scopes)})
	}
	pairs = appendTime(pairs, kAuthTime, i.AuthTime)
	pairs = appendTime(pairs, kMFATime, i.MFATime)
	pairs = appendTime(pairs, kCreated, i.Created)
	return ast.ObjectTerm(pairs...)
}

func appendTime(pairs []pair, key *ast.Term, t time.Time) []pair {
	if t.IsZero() {
		return pairs
	}
	return append(pairs, pair{key, ast.NumberTerm(json.Number(strconv.FormatInt(t.Unix(), 10)))})
}

func list(items []string) *ast.Term {
	if len(items) == 0 {
		return emptyList
	}
	terms := make([]*ast.Term, len(items))
	for i, s := range items {
		terms[i] = ast.StringTerm(s)
	}
	return ast.ArrayTerm(terms...)
}
