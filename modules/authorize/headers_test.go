package authorize

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestOverridesNeverReachTheBackEnd(t *testing.T) {
	for _, name := range []string{
		"X-Original-URL", "X-Original-Uri", "X-Rewrite-URL", "X-Forwarded-Uri",
		"X-Method", "X-Method-Override", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Original-Method", "X-Forwarded-Method",
		"X-User-Id", "X-User-Name", "X-User-Roles", "X-Gateway-Assertion",
	} {
		for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."), strings.ReplaceAll(name, "-", "~")} {
			r := httptest.NewRequest("GET", "/open", nil)
			r.Header["Accept"] = []string{"*/*"}
			r.Header[spelled] = []string{"forged"} // not Set, which would spell it as it likes
			out := forward(r, nil, "ours")
			for k, v := range out.Header {
				if slices.Contains(v, "forged") {
					t.Errorf("%s arrived as %s", spelled, k)
				}
			}
			if out.Header.Get("Accept") != "*/*" || out.Header.Get(headerAssertion) != "ours" || len(r.Header[spelled]) == 0 {
				t.Errorf("%s: %v of %v", spelled, out.Header, r.Header)
			}
		}
	}
}

func TestNamesThatOnlyResembleTakenOnesPass(t *testing.T) {
	for name := range taken {
		if len(name) > longestTaken || !isTaken(name) {
			t.Errorf("%s is not taken", name)
		}
	}
	for _, name := range []string{"", "X", "X-Users", "X-Userid", "X-Original-Filename", "X-Methods", "Y-Method", "Accept", "X-Http-Method-Override-2"} {
		if isTaken(name) {
			t.Errorf("%q is taken", name)
		}
	}
}
