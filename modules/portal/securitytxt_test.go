package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/golden"
)

func TestSecurityTextIsAsRFC9116HasIt(t *testing.T) {
	s := &SecurityText{
		Contacts: []string{"mailto:security@example.com", "https://example.com/report"}, Policy: "https://example.com/policy",
		Encryption: "openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f", Acknowledgments: "https://example.com/thanks", Languages: []string{"en", "de"},
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	want := `Contact: mailto:security@example.com
Contact: https://example.com/report
Expires: 2027-02-25T00:00:00Z
Policy: https://example.com/policy
Encryption: openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f
Acknowledgments: https://example.com/thanks
Preferred-Languages: en, de
`
	if got := s.text(time.Date(2026, 11, 27, 23, 30, 0, 0, time.UTC)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSecurityTextErrors(t *testing.T) {
	for in, want := range map[string]string{
		"security_txt {\n\t\t}":                                                              "contact is required",
		"security_txt x {\n\t\t}":                                                            "Caddyfile:3",
		"security_txt {\n\t\t\tcontact security@example.com\n\t\t}":                          "begins with mailto:, https:, tel:",
		"security_txt {\n\t\t\tcontact http://example.com\n\t\t}":                            "begins with mailto:",
		"security_txt {\n\t\t\tcontact javascript:alert(1)\n\t\t}":                           "begins with mailto:",
		"security_txt {\n\t\t\tcontact https://u:p@example.com\n\t\t}":                       "begins with mailto:",
		"security_txt {\n\t\t\tcontact \"mailto:a@example.com\nPolicy: https://x.y\"\n\t\t}": "begins with mailto:",
		"security_txt {\n\t\t\tcontact mailto:a@example.com\n\t\t\tpolicy /policy\n\t\t}":    "policy",
		"security_txt {\n\t\t\tcontact mailto:a@example.com\n\t\t\tlanguages ??\n\t\t}":      "is no language",
		"security_txt {\n\t\t\texpires never\n\t\t}":                                         `unknown subdirective "expires"`,
	} {
		_, err := golden.Adapt(":8080 {\n\tgw_portal {\n\t\t" + in + "\n\t}\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestSecurityTextIsServedWhereItIsSet(t *testing.T) {
	h := newHandler(t, &people{})
	a := do(t, h, nil, "GET", securityPath, "")
	if a.passed || a.Code != 200 || a.Header().Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasPrefix(a.Body.String(), "Contact: mailto:security@acme.example\nExpires: 20") {
		t.Errorf("%d %v %q", a.Code, a.Header(), a.Body)
	}
	if a := do(t, h, nil, "HEAD", securityPath, ""); a.passed || a.Code != 200 || a.Body.Len() > 0 {
		t.Errorf("HEAD: %d %q", a.Code, a.Body)
	}
	h.SecurityText = nil
	if a := do(t, h, nil, "GET", securityPath, ""); !a.passed {
		t.Errorf("not set: %d, and not the back end's", a.Code)
	}
}
