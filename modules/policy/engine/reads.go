package engine

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// reads are the parts of the input that a policy looks at, as its compiled modules tell: no other part can change what it says. So
// only these are built for a decision, and only these tell remembered decisions apart.
type reads uint64

// Parts of the input. Those called presence stand for an object of which the policy asks only whether it is there.
const (
	readMethod reads = 1 << iota
	readPath
	readRoute
	readHost
	readPermission
	readClassification
	readFields
	readQuery
	readRequest // presence
	readSubject
	readName
	readRoles
	readKind
	readIssuer
	readScopes
	readAMR
	readACR
	readAuthTime
	readMFATime
	readSession
	readTrusted
	readRisk
	readCreated
	readBreakGlass
	readIdentity // presence
	readIP
	readCountry
	readClientRisk
	readClient // presence
	readResourceType
	readResourceID
	readResource // presence
	readParentType
	readParentID
	readParent // presence
	readResourceGrants
	readParentGrants
	readGrants // presence
	readMessageType
	readMessageDirection
	readMessage // presence
	readTarget
	readBody
	readTruncated

	readAll reads = 1<<iota - 1
)

// paths say which part is where in the document; schema_test holds them to the schema.
var paths = map[string]reads{
	"request": readRequest, "request.method": readMethod, "request.path": readPath, "request.route": readRoute, "request.host": readHost,
	"request.permission": readPermission, "request.classification": readClassification, "request.fields": readFields, "request.query": readQuery,
	"identity": readIdentity, "identity.subject": readSubject, "identity.name": readName, "identity.roles": readRoles, "identity.kind": readKind,
	"identity.issuer": readIssuer, "identity.scopes": readScopes, "identity.amr": readAMR, "identity.acr": readACR,
	"identity.auth_time": readAuthTime, "identity.mfa_time": readMFATime, "identity.session": readSession,
	"identity.trusted_device": readTrusted, "identity.risk": readRisk, "identity.created": readCreated, "identity.break_glass": readBreakGlass,
	"client": readClient, "client.ip": readIP, "client.country": readCountry, "client.risk": readClientRisk,
	"resource": readResource, "resource.type": readResourceType, "resource.id": readResourceID,
	"parent": readParent, "parent.type": readParentType, "parent.id": readParentID,
	"grants": readGrants, "grants.resource": readResourceGrants, "grants.parent": readParentGrants,
	"message": readMessage, "message.type": readMessageType, "message.direction": readMessageDirection,
	"target": readTarget, "body": readBody, "truncated": readTruncated,
}

// Groups of parts: an object and its members.
var (
	inRequest  = below("request")
	inIdentity = below("identity")
	inClient   = below("client")
	inResource = below("resource")
	inParent   = below("parent")
	inGrants   = below("grants")
	inMessage  = below("message")
)

func (r reads) any(parts reads) bool { return r&parts != 0 }

// below is all that is at a path and under it.
func below(path string) (r reads) {
	for p, part := range paths {
		if p == path || strings.HasPrefix(p, path+".") {
			r |= part
		}
	}
	return r
}

// Reads tells whether decisions can depend on the part of the input at path, as "body" or "identity.roles".
func (s *Snapshot) Reads(path string) bool { return s.reads.any(below(path)) }

// readsOf finds what compiled modules look at. It errs on the side of too much: whatever is not a plain path reads all that it
// may lead to.
func readsOf(modules map[string]*ast.Module) (reads, askedNames) {
	f := finder{present: map[*ast.Term]bool{}, parameters: map[string]bool{}}
	for _, m := range modules {
		f.walk(m)
		ast.WalkRules(m, func(r *ast.Rule) bool { // the walks above leave these out
			for _, t := range r.Head.Reference {
				ast.WalkTerms(t, f.term)
			}
			return false
		})
	}
	if f.anyParameter {
		textsOf(modules, f.parameters)
	}
	return f.found, newAskedNames(f.parameters)
}

type finder struct {
	found   reads
	present map[*ast.Term]bool // of these the policy asks only whether they are there

	parameters   map[string]bool // of the query, by the names that the policy has for them; nil: nobody asks
	anyParameter bool            // it also reads the query in other ways than by a name
}

func (f *finder) walk(x any) {
	ast.WalkExprs(x, f.expression)
	ast.WalkTerms(x, f.term)
}

// expression knows `not input.identity` and `input.identity` alone: an object is true whatever it holds.
func (f *finder) expression(e *ast.Expr) bool {
	if t, ok := e.Terms.(*ast.Term); ok {
		if part, ok := presence(t.Value); ok {
			f.present[t] = true
			f.found |= part
		}
	}
	return false
}

func (f *finder) term(t *ast.Term) bool {
	if f.present[t] {
		return true
	}
	if isInput(t) {
		f.found, f.anyParameter = readAll, true
		return true
	}
	ref, ok := t.Value.(ast.Ref)
	if !ok || !isInput(ref[0]) {
		return false
	}
	part := readBy(ref)
	f.found |= part
	if part.any(readQuery) {
		f.parameter(ref, part)
	}
	for _, t := range ref[1:] { // but not its head, which alone would be all of the input
		ast.WalkTerms(t, f.term)
	}
	return true
}

func presence(v ast.Value) (reads, bool) {
	ref, ok := v.(ast.Ref)
	if !ok || len(ref) != 2 || !isInput(ref[0]) {
		return 0, false
	}
	name, ok := ref[1].Value.(ast.String)
	if !ok {
		return 0, false
	}
	switch part := paths[string(name)]; part {
	case readRequest, readIdentity, readClient, readResource, readParent, readGrants, readMessage:
		return part, true
	}
	return 0, false
}

// readBy is what is at the path of a reference to the input.
func readBy(ref ast.Ref) reads {
	path := ""
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		next := string(name)
		if path != "" {
			next = path + "." + next
		}
		if _, known := paths[next]; !known {
			break // inside of a body, a list or a string: what holds it is read
		}
		path = next
	}
	if path == "" {
		return readAll
	}
	return below(path)
}

func isInput(t *ast.Term) bool {
	name, ok := t.Value.(ast.Var)
	return ok && name.Equal(ast.InputRootDocument.Value)
}
