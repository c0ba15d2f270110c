package engine

import (
	"context"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/policies"
)

// OPA puts what is left over of a partial evaluation together by writing into terms, those of the data and the input among them. Decisions
// read the same data at the same time: whatever is asked, no term of them is written to.
func TestPartialEvaluationWritesToNothingShared(t *testing.T) {
	src, err := Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	shared := map[*ast.Term]ast.Value{}
	note := func(v any) {
		ast.WalkTerms(v, func(t *ast.Term) bool {
			if _, ref := t.Value.(ast.Ref); !ref { // a slice: it can't be compared
				shared[t] = t.Value
			}
			return false
		})
	}
	note(s.data.(baseData).root)
	for _, term := range []*ast.Term{noGrants, emptyList, emptyObject, kRequest, kIdentity, kRoles, ast.InternedTerm(true), ast.InternedTerm(1)} {
		note(term)
	}
	for _, m := range s.compiler.Modules {
		note(m)
	}
	for _, permission := range []string{"room:read", "message:delete", "file:read", "room:list", "none", "member:add", "app:restricted"} {
		in := &Input{Method: "GET", Path: "/list", Permission: permission, Identity: &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}}, Resource: Object{Type: "room"}}
		s.needs(context.Background(), in, time.Now(), 10*time.Second)
		if s.partial.err != nil {
			t.Fatal(s.partial.err)
		}
	}
	written := 0
	for term, value := range shared {
		if term.Value != value {
			written++
		}
	}
	if written > 0 || len(shared) < 1000 {
		t.Errorf("of %d shared terms %d were written to", len(shared), written)
	}
}
