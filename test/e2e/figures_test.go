package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// Attacks and people at a node are in its figures a moment later: by who refused them, with what that cost, as a page that needs nothing else.
func TestSecurityReport(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		type report struct {
			Now struct {
				Traffic struct {
					RefusedBy map[string]int64 `json:"refused_by"`
				} `json:"traffic"`
				Coverage struct {
					Routes []struct {
						Route      string `json:"route"`
						Configured bool   `json:"configured"`
					} `json:"routes"`
				} `json:"policy_coverage"`
				Cost struct {
					Timed int64 `json:"timed"`
				} `json:"cost"`
			} `json:"now"`
		}
		figures := func() (r report) {
			t.Helper()
			if err := json.Unmarshal([]byte(s.operate(t, 0, "report", "security", "--from", "-1h", "--format", "json")), &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		before := figures().Now
		petra := s.as(t, "petra")
		for range 5 {
			petra.Call(t, "GET", "/api/rooms?q=<script>alert(1)</script>", nil).Want(t, http.StatusForbidden)
		}
		var after report
		kit.Eventually(t, 120*time.Second, "figures of what was refused, and a request that was timed", func() bool {
			petra.Call(t, "GET", "/api/rooms", nil) // one in eight is timed
			after = figures()
			return after.Now.Traffic.RefusedBy["waf"] >= before.Traffic.RefusedBy["waf"]+5 && after.Now.Cost.Timed > before.Cost.Timed
		})
		named := false
		for _, rt := range after.Now.Coverage.Routes {
			named = named || rt.Route == "GET /api/rooms" && rt.Configured
		}
		if !named {
			t.Errorf("%+v", after.Now.Coverage)
		}
		file := filepath.Join(t.TempDir(), "report.html")
		s.operate(t, 0, "report", "security", "-o", file)
		page, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(page), "Security figures") || strings.Contains(string(page), "<script") {
			t.Errorf("%.200s, %v", page, err)
		}
		if out := s.operate(t, 1, "report", "security", "--from", "tomorrow"); !strings.Contains(out, "it is a time as") {
			t.Error(out)
		}
	})
}
