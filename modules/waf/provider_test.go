package waf

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"testing"
)

// What a provider sends a browser back with passes, wherever the provider is; what else stands in the address is still looked at.
func TestProviderAnswersPass(t *testing.T) {
	h := provision(t, &Handler{})
	for _, iss := range []string{"https://accounts.google.com", "http://127.0.0.1:3000", "https://sso.corp.example/realms/main", "https://10.0.0.1/adfs"} {
		for range 100 {
			b := make([]byte, 90)
			_, _ = rand.Read(b)
			q := url.Values{
				"code": {"4/" + base64.RawURLEncoding.EncodeToString(b)}, "state": {rand.Text()}, "iss": {iss},
				"scope": {"email profile https://www.googleapis.com/auth/userinfo.profile openid"}, "session_state": {"6d1f" + base64.RawURLEncoding.EncodeToString(b[:32]) + ".x"},
			}
			if o := do(t, h, request("GET", "/auth/oidc/corp/callback?"+q.Encode(), "", "")); !o.reached {
				t.Fatalf("refused: %s %+v", q.Encode(), o.verdict)
			}
		}
	}
	if o := do(t, h, request("GET", "/auth/oidc/corp/callback?x="+url.QueryEscape("' or 1=1 -- <script>alert(1)</script>"), "", "")); o.reached {
		t.Error("an attack passes")
	}
}
