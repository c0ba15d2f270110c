package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// compliance is what of a report this looks at.
type compliance struct {
	Frameworks []struct {
		ID       string
		Count    map[string]int
		Controls []struct{ ID, Result string }
	}
	Checks map[string]struct {
		Result, Mend string
		Evidence     []string
	}
}

// What the report says of a site is what the site's Caddyfile has, as it runs: no more is claimed, what is missing is named with the way to mend it, and no
// secret stands in it.
func TestComplianceReport(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		file := filepath.Join(t.TempDir(), "report")
		said := s.operate(t, 0, "report", "compliance", "--format", "json", "-o", file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r compliance
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Frameworks) != 5 || !strings.Contains(said, "OWASP ASVS") {
			t.Fatalf("%d standards: %s", len(r.Frameworks), said)
		}
		want := map[string]string{
			"tls": "met", "certificates": "met", "certificates-public": "not met", "waf": "met", "authentication": "met", "authorization": "met", "permissions": "met", "rate-limit": "met", "validation": "met",
			"uploads": "met", "field-encryption": "met", "security-events": "met", "audit-log": "met", "audit-complete": "met", "detection": "met", "admin-endpoint": "met", "password-hash": "met",
			"second-factor": "not met", "events-encrypted": "not met", "malware-scan": "not met", "alerts": "not met", "redundancy": "not met", "policy-signed": "not applicable",
		}
		if s.redis != nil {
			want["redundancy"] = "met"
		}
		for id, result := range want {
			got := r.Checks[id]
			if got.Result != result || len(got.Evidence) == 0 || (result == "not met") != (got.Mend != "") {
				t.Errorf("%s: %+v, want %s", id, got, result)
			}
		}
		for id, c := range r.Checks {
			if c.Result == "unknown" {
				t.Errorf("%s can't be told of a running gateway: %v", id, c.Evidence)
			}
		}
		for _, u := range s.users {
			if strings.Contains(string(raw), u.Password) {
				t.Error("a password stands in the report")
			}
		}
		if s.redis != nil && strings.Contains(string(raw), s.redis.Password) {
			t.Error("the password of Redis stands in the report")
		}

		page := filepath.Join(t.TempDir(), "report.html")
		s.operate(t, 3, "report", "compliance", "--framework", "gdpr,soc2", "-o", page, "--fail-on-gaps")
		html, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(html), "Art. 32(1)(a)") || strings.Contains(string(html), "A.8.24") || strings.Contains(string(html), "<script") {
			t.Errorf("%v: the page is not what was asked for", err)
		}
		if info, err := os.Stat(page); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("others may read the report: %v, %v", info, err)
		}
		s.operate(t, 1, "report", "compliance", "--framework", "pci")
		s.operate(t, 1, "report", "compliance", "--format", "pdf")
	})
}
