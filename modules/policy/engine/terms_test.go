package engine

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestTermsAreSharedAndBounded(t *testing.T) {
	var shared terms
	if a, b := shared.of("viewer"), shared.of("viewer"); a != b || !a.Equal(ast.StringTerm("viewer")) {
		t.Error("a term is made twice")
	}
	long := strings.Repeat("x", maxTerm+1)
	if a, b := shared.of(long), shared.of(long); a == b {
		t.Error("a long one is kept")
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * maxTerms {
				if s := strconv.Itoa(g * i); !shared.of(s).Equal(ast.StringTerm(s)) {
					t.Errorf("%s is another term", s)
				}
			}
		})
	}
	wg.Wait()
	if n := len(*shared.known.Load()); n > maxTerms {
		t.Errorf("%d are kept", n)
	}
}
