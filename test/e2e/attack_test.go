package e2e

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// attacks are payloads that the shipped rules know. Each is tried in every place that a client fills.
var attacks = map[string]string{
	"sqli tautology": `1' OR '1'='1' -- `,
	"sqli union":     `x' UNION SELECT username, password FROM users --`,
	"xss script":     `<script>alert(document.cookie)</script>`,
	"xss handler":    `<img src=x onerror=alert(1)>`,
	"path traversal": `../../../../etc/passwd`,
	"command":        `; cat /etc/passwd`,
}

func TestAttacksAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "ursula")
		for name, attack := range attacks {
			refuse := func(where string, a *kit.Answer) {
				t.Helper()
				if a.Status != http.StatusForbidden {
					t.Errorf("%s in %s: status %d, want 403", name, where, a.Status)
				}
			}
			refuse("a query", c.Call(t, "GET", "/api/rooms?q="+url.QueryEscape(attack), nil))
			refuse("a JSON field", c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": attack}))
			refuse("a nested JSON field", c.Call(t, "POST", "/api/rooms", map[string]any{"name": "x", "more": []any{map[string]string{"deep": attack}}}))
			refuse("a form", c.Call(t, "POST", "/auth/api/login", url.Values{"username": {attack}, "password": {"whatever it is"}}))
			body, kind := form(t, attack)
			refuse("a multipart form", c.Call(t, "POST", kit.RoomPath("general", "files"), body, kit.With("Content-Type", kind)))
			if name != "command" { // in a login, a user name with an attack goes no further than the WAF either
				refuse("a login", c.Call(t, "POST", "/auth/api/login", map[string]string{"username": attack, "password": "whatever it is"}))
			}
		}
	})
}

func form(t *testing.T, value string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("note", value); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// What people write in a chat is no attack, and a password may be any text.
func TestPlainTalkPasses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.as(t, "ursula")
		for _, text := range []string{
			"Hello everyone, how are you today?",
			"It's 5 o'clock — let's go & drink a coffee; who's in?",
			"Grüße aus Köln! 你好 👋🏽",
			"The price is < 10 EUR and > 5 EUR (50% off)",
			"see https://example.com/a?b=c#d",
			"I can't select a union representative from the table, order by Friday please",
		} {
			c.Post(t, "general", text)
		}
		// A wrong password that looks like an attack is a wrong password.
		c.Anonymous(t).Call(t, "POST", "/auth/api/login", map[string]string{
			"username": "ursula", "password": `x' OR '1'='1' -- <script>`,
		}).Problem(t, http.StatusUnauthorized)
	})
}
