package authorize

import "testing"

// byPath is a policy as people write them who look at paths themselves.
const byPath = `package gateway

decision := {"allow": false, "reason": "for admins", "obligations": {}} if {
	startswith(input.request.path, "/admin")
	not "admin" in input.identity.roles
} else := {"allow": true, "reason": "not for admins alone", "obligations": {}}
`

// opa-envoy-plugin, GHSA-9f29-v6mm-pw6w (CVE-2026-26205): the path was read as a URI, so of //admin/users the plugin's parsed_path was /users, while
// the back end served /admin/users. %2F was split, or not, other than the back end did.
func TestPathsThatThePolicyReadsOtherwise(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, byPath))
	e.expect(403, "GET", "/admin/users", "ursula/user")
	e.expect(200, "GET", "/admin/users", "ada/admin")
	e.expect(200, "GET", "/users", "ursula/user")
	for what, paths := range map[string][]string{
		"CVE-2026-26205":    {"//admin/users", "///admin/users", "//admin", "/x//admin", "//x@y/admin", "//[::1]/admin"},
		"encoded slashes":   {"/%2Fadmin/users", "/%2fadmin", "%2Fadmin", "/admin%2Fusers", "/x%2f..%2fadmin"},
		"dot segments":      {"/./admin/users", "/x/../admin", "/%2e/admin", "/x/%2E%2e/admin", "/.%2e/admin"},
		"matrix parameters": {"/;/admin", "/;x=1/admin", "/admin;x/users", "/..;/admin", "/x/..;a=b/admin"},
		"zero bytes":        {"/%00/admin", "/x%00/../admin", "/admin%00"},
		"back slashes":      {"/%5Cadmin", "/x%5c..%5cadmin"},
		"encoded twice":     {"/%2561dmin", "/%252fadmin", "/%252e%252e/admin"},
		"skipper: no UTF-8": {"/\xffadmin", "/admin\xff", "/%ffadmin", "/%c0%afadmin", "/adm\xc0\xaen", "/%ed%a0%80/admin", "/%f8%88%80%80%80admin"},
	} {
		for _, path := range paths {
			for _, user := range []string{"ursula/user", "ada/admin", ""} {
				e.backend(nil)
				if r := e.do("GET", path, user); r.status != 400 || len(e.reached()) > 0 {
					t.Errorf("%s: %q as %q: %d, %d reached the back end", what, path, user, r.status, len(e.reached()))
				}
			}
		}
	}
	// A whole URI in the request line: it is the path in it that is decided, and that the back end gets.
	e.backend(nil)
	if r := e.do("GET", e.url+"/admin/users", "ursula/user"); r.status != 403 || len(e.reached()) > 0 {
		t.Errorf("absolute form: %d", r.status)
	}
}
