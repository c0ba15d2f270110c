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
//	  "request":  {"method", "path", "route", "host", "permission"},
//	  "identity": {"subject", "name", "roles", "kind", "issuer", "scopes", "amr", "acr", "auth_time", "mfa_time",
//	               "session", "trusted_device", "risk"},                                       absent: nobody is signed in
//	  "client":   {"ip", "country"},
//	  "resource": {"type", "id"}, "parent": {"type", "id"}, "target",                          each absent without
//	  "grants":   {"resource": [relation], "parent": [relation]},
//	  "message":  {"type", "direction"}                                                       absent but on sockets
//	}
//
// Times are seconds since 1970; mfa_time is absent where no second factor was given in the session, scopes where the token is not
// limited to any, issuer where it is this gateway, country where it is not known.
type Input struct {
	Method, Path, Route, Host string
	Permission                string // what the route asks for
	Identity                  *reqctx.Identity
	Client                    reqctx.Client
	Resource, Parent          Object
	Target                    string   // the person a request is about: who is put into a room
	Relations                 []string // of the identity to Resource
	ParentRelations           []string // of the identity to Parent
	Message                   *Message
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
	kCountry                      = ast.StringTerm("country")
	kAuthTime, kMFATime, kSession = ast.StringTerm("auth_time"), ast.StringTerm("mfa_time"), ast.StringTerm("session")
	emptyList, noGrants           = ast.ArrayTerm(), ast.ObjectTerm([2]*ast.Term{kResource, ast.ArrayTerm()}, [2]*ast.Term{kParent, ast.ArrayTerm()})
)

type pair = [2]*ast.Term

// value builds the document by hand: going through JSON costs more than the decision.
func (in *Input) value() ast.Value {
	pairs := make([]pair, 0, 8)
	pairs = append(pairs,
		pair{kRequest, ast.ObjectTerm(
			pair{kMethod, ast.StringTerm(in.Method)}, pair{kPath, ast.StringTerm(in.Path)}, pair{kRoute, ast.StringTerm(in.Route)},
			pair{kHost, ast.StringTerm(in.Host)}, pair{kPermission, ast.StringTerm(in.Permission)})},
		pair{kClient, client(in.Client)},
		pair{kGrants, in.grants()})
	if in.Identity != nil {
		pairs = append(pairs, pair{kIdentity, identity(in.Identity)})
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
	return ast.NewObject(pairs...)
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

func identity(i *reqctx.Identity) *ast.Term {
	pairs := make([]pair, 0, 13)
	pairs = append(pairs,
		pair{kSubject, ast.StringTerm(i.Subject)}, pair{kName, ast.StringTerm(i.Name)},
		pair{kRoles, list(i.Roles)}, pair{kKind, ast.StringTerm(i.Kind)},
		pair{kAMR, list(i.Methods)}, pair{kACR, ast.StringTerm(i.ACR)},
		pair{kSession, ast.StringTerm(i.Session)},
		pair{kTrusted, ast.BooleanTerm(i.Trusted)}, pair{kRisk, list(i.Risk)})
	if i.Issuer != "" {
		pairs = append(pairs, pair{kIssuer, ast.StringTerm(i.Issuer)})
	}
	if i.Scopes != nil {
		pairs = append(pairs, pair{kScopes, list(i.Scopes)})
	}
	pairs = appendTime(pairs, kAuthTime, i.AuthTime)
	pairs = appendTime(pairs, kMFATime, i.MFATime)
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
