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
	Type      string `json:"type"`
	Direction string `json:"direction"` // "in": client to back end; "out"
}

// Input is what a decision is made from. Rego sees it as
//
//	{
//	  "request":  {"method", "path", "route", "host", "permission", "classification", "fields", "query": {name: [value]}},
//	  "identity": {"subject", "name", "roles", "kind", "issuer", "scopes", "amr", "acr", "auth_time", "mfa_time",
//	               "session", "trusted_device", "risk", "created", "break_glass"},             absent: nobody is signed in
//	  "client":   {"ip", "country", "risk"},
//	  "resource": {"type", "id"}, "parent": {"type", "id"}, "target",                          each absent without
//	  "grants":   {"resource": [relation], "parent": [relation]},
//	  "message":  {"type", "direction"},                                                      absent but on sockets
//	  "body", "truncated"                                                                     absent but where the route asks for the body
//	}
//
// Times are seconds since 1970; mfa_time is absent where no second factor was given in the session, scopes where the token is not
// limited to any, issuer where it is this gateway, country where it is not known, client.risk (1 to 100) where nothing is unusual, classification where neither the route nor the fields say one, created
// where the account is not one of this gateway. truncated is true where the body was too large to be seen: what is allowed then is
// refused all the same, unless the decision says allow_truncated. query is {} without parameters; parseQuery says how it is read. On sockets it
// is that of the handshake, as the path is.
type Input struct {
	RequestID                 string // for the decision log: no part of the document
	Method, Path, Route, Host string
	Query                     string   // as it was sent, without the ?
	Permission                string   // what the route asks for
	Segments                  []string // of the path, decoded: the engine finds by them what the data say of fields, and fills in the next two; nil: it does not look
	Classification            string   // of what the route answers: public, internal, confidential, restricted; "" it does not say. Where fields ask for more, that
	Fields                    string   // the name in data.fields of the route, where its fields ask for more than Classification says: see classify.Route.Particular
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

	own        string // Classification before it was filled in
	classified bool
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
	kFields                       = ast.StringTerm("fields")
	kCreated, kBreakGlass         = ast.StringTerm("created"), ast.StringTerm("break_glass")
	kBody, kTruncated, kQuery     = ast.StringTerm("body"), ast.StringTerm("truncated"), ast.StringTerm("query")
	kAuthTime, kMFATime, kSession = ast.StringTerm("auth_time"), ast.StringTerm("mfa_time"), ast.StringTerm("session")
	emptyList, emptyObject        = ast.ArrayTerm(), ast.ObjectTerm()
	noGrants                      = ast.ObjectTerm([2]*ast.Term{kResource, ast.ArrayTerm()}, [2]*ast.Term{kParent, ast.ArrayTerm()})
)

type pair = [2]*ast.Term

// Value is the document that Rego sees, whole.
func (in *Input) Value() ast.Value { return in.value(readAll, nil) }

// value builds the parts of the document that are read, by hand: going through JSON costs more than the decision.
func (in *Input) value(r reads, t *terms) ast.Value {
	pairs := make([]pair, 0, 9)
	if r.any(inRequest) {
		pairs = append(pairs, pair{kRequest, in.request(r, t)})
	}
	if r.any(inClient) {
		pairs = append(pairs, pair{kClient, client(in.Client, r, t)})
	}
	if r.any(inGrants) {
		pairs = append(pairs, pair{kGrants, in.grants(r, t)})
	}
	if in.Identity != nil && r.any(inIdentity) {
		pairs = append(pairs, pair{kIdentity, identity(in.Identity, in.BreakGlass, r, t)})
	}
	if !in.Resource.IsZero() && r.any(inResource) {
		pairs = append(pairs, pair{kResource, object(in.Resource, t)})
	}
	if !in.Parent.IsZero() && r.any(inParent) {
		pairs = append(pairs, pair{kParent, object(in.Parent, t)})
	}
	if in.Target != "" && r.any(readTarget) {
		pairs = append(pairs, pair{kTarget, ast.StringTerm(in.Target)})
	}
	if m := in.Message; m != nil && r.any(inMessage) {
		pairs = append(pairs, pair{kMessage, ast.ObjectTerm(pair{kType, t.of(m.Type)}, pair{kDirection, t.of(m.Direction)})})
	}
	if in.Truncated || in.Body != nil {
		if r.any(readTruncated) {
			pairs = append(pairs, pair{kTruncated, ast.InternedTerm(in.Truncated)})
		}
		if !in.Truncated && r.any(readBody) {
			pairs = append(pairs, pair{kBody, ast.NewTerm(in.Body)})
		}
	}
	return ast.NewObject(pairs...)
}

func (in *Input) request(r reads, t *terms) *ast.Term {
	if r&inRequest&^(readPermission|readClassification|readFields|readRequest) != 0 { // these come from clients, or are many
		return in.newRequest(r, t)
	}
	return t.composed(aRequest, func() *ast.Term { return in.newRequest(r, t) }, []string{in.Permission, in.Classification, in.Fields})
}

func (in *Input) newRequest(r reads, t *terms) *ast.Term {
	pairs := make([]pair, 0, 8)
	pairs = appendText(pairs, r.any(readMethod), kMethod, nil, in.Method)
	pairs = appendText(pairs, r.any(readPath), kPath, nil, in.Path)
	pairs = appendText(pairs, r.any(readRoute), kRoute, t, in.Route)
	pairs = appendText(pairs, r.any(readHost), kHost, nil, in.Host)
	pairs = appendText(pairs, r.any(readPermission), kPermission, t, in.Permission)
	pairs = appendText(pairs, r.any(readClassification) && in.Classification != "", kClassification, t, in.Classification)
	pairs = appendText(pairs, r.any(readFields), kFields, t, in.Fields)
	if r.any(readQuery) {
		// One that servers read differently is in no document: who decides on it refuses before (Snapshot.query).
		if q, err := parseQuery(in.Query); err == nil {
			pairs = append(pairs, pair{kQuery, q.term()})
		}
	}
	return ast.ObjectTerm(pairs...)
}

func (in *Input) grants(r reads, t *terms) *ast.Term {
	resource, parent := len(in.Relations) > 0 && r.any(readResourceGrants), len(in.ParentRelations) > 0 && r.any(readParentGrants)
	if !resource && !parent {
		return noGrants
	}
	return t.composed(aGrants, func() *ast.Term { return in.newGrants(r, t) }, in.Relations, in.ParentRelations)
}

func (in *Input) newGrants(r reads, t *terms) *ast.Term {
	pairs := make([]pair, 0, 2)
	pairs = appendList(pairs, r.any(readResourceGrants), kResource, t, in.Relations)
	pairs = appendList(pairs, r.any(readParentGrants), kParent, t, in.ParentRelations)
	return ast.ObjectTerm(pairs...)
}

func client(c reqctx.Client, r reads, t *terms) *ast.Term {
	if !c.IP.IsValid() {
		return emptyObject
	}
	pairs := make([]pair, 0, 3)
	if r.any(readIP) {
		pairs = append(pairs, pair{kIP, ast.StringTerm(c.IP.String())})
	}
	pairs = appendText(pairs, r.any(readCountry) && c.Country != "", kCountry, t, c.Country)
	if r.any(readClientRisk) && c.Risk > 0 {
		pairs = append(pairs, pair{kRisk, ast.InternedTerm(c.Risk)})
	}
	return ast.ObjectTerm(pairs...)
}

func object(o Object, t *terms) *ast.Term {
	return ast.ObjectTerm(pair{kType, t.of(o.Type)}, pair{kID, ast.StringTerm(o.ID)})
}

func identity(i *reqctx.Identity, breakGlass bool, r reads, t *terms) *ast.Term {
	pairs := make([]pair, 0, 15)
	pairs = appendText(pairs, r.any(readSubject), kSubject, nil, i.Subject)
	pairs = appendText(pairs, r.any(readName), kName, nil, i.Name)
	pairs = appendList(pairs, r.any(readRoles), kRoles, t, i.Roles)
	pairs = appendText(pairs, r.any(readKind), kKind, t, i.Kind)
	pairs = appendList(pairs, r.any(readAMR), kAMR, t, i.Methods)
	pairs = appendText(pairs, r.any(readACR), kACR, t, i.ACR)
	pairs = appendText(pairs, r.any(readSession), kSession, nil, i.Session)
	pairs = appendList(pairs, r.any(readRisk), kRisk, t, i.Risk)
	pairs = appendText(pairs, r.any(readIssuer) && i.Issuer != "", kIssuer, t, i.Issuer)
	pairs = appendList(pairs, r.any(readScopes) && i.Scopes != nil, kScopes, t, i.Scopes)
	pairs = appendTime(pairs, r.any(readAuthTime), kAuthTime, i.AuthTime)
	pairs = appendTime(pairs, r.any(readMFATime), kMFATime, i.MFATime)
	pairs = appendTime(pairs, r.any(readCreated), kCreated, i.Created)
	if r.any(readTrusted) {
		pairs = append(pairs, pair{kTrusted, ast.InternedTerm(i.Trusted)})
	}
	if r.any(readBreakGlass) {
		pairs = append(pairs, pair{kBreakGlass, ast.InternedTerm(breakGlass)})
	}
	return ast.ObjectTerm(pairs...)
}

// appendText takes the term of s from t. It is nil for what clients choose.
func appendText(pairs []pair, there bool, key *ast.Term, t *terms, s string) []pair {
	if !there {
		return pairs
	}
	return append(pairs, pair{key, t.of(s)})
}

func appendList(pairs []pair, there bool, key *ast.Term, t *terms, items []string) []pair {
	if !there {
		return pairs
	}
	return append(pairs, pair{key, t.list(items)})
}

func appendTime(pairs []pair, there bool, key *ast.Term, t time.Time) []pair {
	if !there || t.IsZero() {
		return pairs
	}
	return append(pairs, pair{key, ast.NumberTerm(json.Number(strconv.FormatInt(t.Unix(), 10)))})
}
