package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// An operator sees where a person stands, and whom the node refuses.
func TestLimitCommands(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, _ := s.both(t, "petra")
		for range 30 { // one in thirteen is looked at for who spends the most
			petra.Call(t, "GET", "/api/rooms", nil)
		}
		limit := func(code int, args ...string) string {
			t.Helper()
			got, out := s.a.Exec(t, "", append(append([]string{"limit"}, args...), "--address", "unix//"+filepath.Join(s.a.Data, "admin.sock"))...)
			if got != code {
				t.Fatalf("limit %v: exit code %d\n%s", args, got, out)
			}
			return out
		}
		if out := limit(0, "status", "client=127.0.0.1"); !strings.Contains(out, "login") || !strings.Contains(out, "client=127.0.0.1") {
			t.Error(out)
		}
		if out := limit(0, "status", "user=17", "--json"); !strings.Contains(out, `"counted_by":["user=17"]`) {
			t.Error(out)
		}
		if out := limit(0, "top", "--by", "spent"); !strings.Contains(out, "COUNT") {
			t.Error(out)
		}
		if out := limit(1, "status", "nobody=1"); !strings.Contains(out, "it is one of") {
			t.Error(out)
		}
	})
}
