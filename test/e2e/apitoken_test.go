package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/convosphere/gateway/test/kit"
)

type apiToken struct{ ID, Token string }

// newToken makes a personal access token of the person, and a client that has nothing else.
func newToken(t *testing.T, owner *kit.Client, n *kit.Node, scopes string) (apiToken, *kit.Client) {
	t.Helper()
	var made apiToken
	owner.Call(t, "POST", "/auth/api/account/tokens", map[string]string{"name": "a program", "scopes": scopes, "expires_in_days": "7"}).Want(t, http.StatusOK).JSON(t, &made)
	if !strings.HasPrefix(made.Token, "gwp_") {
		t.Fatal("the token is not as it should be")
	}
	kit.Secret(made.Token)
	c := n.Client(t)
	c.Access = made.Token
	return made, c
}

// A personal token does what its scopes name, on every node, and nothing to its account; its end is heard at once.
func TestPersonalTokens(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := addUser(t, s.cli(), "tokia", "user")
		owner := s.a.Client(t).Login(t, u)
		made, reader := newToken(t, owner, s.b, "room:list room:read message:list")
		if rooms := reader.Rooms(t); len(rooms) == 0 {
			t.Error("it lists no rooms")
		}
		reader.Call(t, "GET", kit.RoomPath("general", "messages"), nil).Want(t, http.StatusOK)
		reader.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "x"}).Problem(t, http.StatusForbidden)
		reader.Call(t, "POST", "/api/rooms", map[string]string{"name": "x", "visibility": "public"}).Problem(t, http.StatusForbidden)
		if sock, res := reader.Dial(t); sock != nil || res.StatusCode != http.StatusForbidden {
			t.Error("it opens a socket without the scope")
		}
		for _, route := range [][2]string{
			{"GET", "/auth/api/account/tokens"}, {"POST", "/auth/api/account/tokens"}, {"DELETE", "/auth/api/account/tokens/" + made.ID}, {"POST", "/auth/api/account/password"},
			{"POST", "/auth/api/account/totp"}, {"GET", "/auth/api/account/factors"}, {"GET", "/auth/api/account/sessions"}, {"DELETE", "/auth/api/account/sessions"}, {"POST", "/auth/api/stepup/password"}, {"GET", "/auth/api/session"},
		} {
			var body any
			if route[0] != "GET" {
				body = map[string]string{}
			}
			if a := reader.Call(t, route[0], route[1], body).Want(t, http.StatusForbidden); !strings.Contains(string(a.Body), "session-required") {
				t.Errorf("%s %s: %s", route[0], route[1], a.Body)
			}
		}
		// In a cookie it is none.
		browser := s.b.Client(t)
		browser.Call(t, "GET", "/api/rooms", nil, kit.With("Cookie", "__Host-gw_access="+made.Token)).Problem(t, http.StatusUnauthorized)
		browser.Call(t, "GET", "/api/rooms?access_token="+made.Token, nil).Problem(t, http.StatusUnauthorized)

		posting, writer := newToken(t, owner, s.b, "app:read room:join room:read message:post message:receive")
		sock := writer.Socket(t).Join(t, "general")
		owner.Call(t, "DELETE", "/auth/api/account/tokens/"+posting.ID, nil).Want(t, http.StatusNoContent)
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		writer.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		writer.On(t, s.a).Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		reader.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK) // the other one goes on …

		s.cli().run(t, "", "role", "tokia", "premium") // … until the account changes
		kit.Eventually(t, atOnce, "the token ends with the role", func() bool {
			return reader.Call(t, "GET", "/api/rooms", nil).Status == http.StatusUnauthorized
		})
	})
}

// program is a service with its private key.
type program struct {
	name string
	key  jwk.Key
}

func addService(t *testing.T, s *site, name string, args ...string) program {
	t.Helper()
	code, out := s.a.Exec(t, "", append(append([]string{"service", "add", name, "--generate"}, args...), s.cli().place...)...)
	if code != 0 {
		t.Fatalf("service add: %d %s", code, out)
	}
	var private string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "{") {
			private = strings.TrimSpace(line)
		}
	}
	key, err := jwk.ParseKey([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	var parts struct{ D string }
	if err := json.Unmarshal([]byte(private), &parts); err != nil {
		t.Fatal(err)
	}
	kit.Secret(parts.D)
	return program{name, key}
}

// form is one with a client assertion for the audience.
func (p program) form(t *testing.T, audience string, pairs ...string) url.Values {
	t.Helper()
	tok, err := jwt.NewBuilder().Issuer(p.name).Subject(p.name).Audience([]string{audience}).JwtID(time.Now().Format(time.RFC3339Nano)).Expiration(time.Now().Add(time.Minute)).Build()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Sign(tok, jwt.WithKey(jwa.ES256, p.key))
	if err != nil {
		t.Fatal(err)
	}
	v := url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {string(raw)}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// From a key to a token, through the whole path, to its introspection and its end.
func TestServices(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		robot := addService(t, s, "robot", "--scope", "room:list,room:read,message:post")
		asker := addService(t, s, "asker", "--scope", "room:list", "--introspect")
		c := s.a.Client(t)
		spent := robot.form(t, "gateway", "grant_type", "client_credentials")
		var got struct {
			Access string `json:"access_token"`
			Scope  string
		}
		c.Call(t, "POST", "/auth/oauth/token", spent).Want(t, http.StatusOK).JSON(t, &got)
		kit.Secret(got.Access)
		if got.Scope != "message:post room:list room:read" {
			t.Errorf("scope %q", got.Scope)
		}
		other := s.b.Client(t)
		if a := other.Call(t, "POST", "/auth/oauth/token", spent).Want(t, http.StatusUnauthorized); !strings.Contains(string(a.Body), "invalid_client") {
			t.Errorf("the assertion counts twice: %s", a.Body)
		}
		for name, form := range map[string]url.Values{
			"another audience":  robot.form(t, "https://evil.example/auth/oauth/token", "grant_type", "client_credentials"),
			"somebody else":     program{"asker", robot.key}.form(t, "gateway", "grant_type", "client_credentials"),
			"a person":          program{"ursula", robot.key}.form(t, "gateway", "grant_type", "client_credentials"),
			"the host's own":    robot.form(t, s.a.URL+"/auth/oauth/token", "grant_type", "client_credentials"),
			"no proof":          {"grant_type": {"client_credentials"}, "client_id": {"robot"}},
			"a proof of secret": {"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {"x"}},
		} {
			if a := other.Call(t, "POST", "/auth/oauth/token", form); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if a := other.Call(t, "POST", "/auth/oauth/token", robot.form(t, "gateway", "grant_type", "client_credentials", "scope", "message:delete:any")); a.Status != http.StatusBadRequest {
			t.Errorf("a scope it has not: %d", a.Status)
		}

		worker := s.b.Client(t)
		worker.Access = got.Access
		worker.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		worker.Call(t, "GET", kit.RoomPath("general", "messages"), nil).Problem(t, http.StatusForbidden)
		worker.Call(t, "GET", "/auth/api/session", nil).Problem(t, http.StatusForbidden)
		worker.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "posted by a program"}).Want(t, http.StatusCreated)
		last := s.as(t, "ursula").Messages(t, "general")
		if m := last[len(last)-1]; m.Author != "robot" && last[0].Author != "robot" {
			t.Errorf("the message is %s's", m.Author)
		}

		ask := func(p program, token string) (a struct {
			Active               bool
			Sub, Username, Scope string
			Client               string `json:"client_id"`
			Error                string
		}) {
			t.Helper()
			other.Call(t, "POST", "/auth/oauth/introspect", p.form(t, "gateway", "token", token)).JSON(t, &a)
			return a
		}
		if a := ask(asker, got.Access); !a.Active || a.Client != "robot" || a.Scope != got.Scope {
			t.Errorf("%+v", a)
		}
		person := s.as(t, "ursula")
		if a := ask(asker, person.Access); !a.Active || a.Username != "ursula" || a.Client != "" {
			t.Errorf("%+v", a)
		}
		if a := ask(robot, person.Access); a.Active || a.Error != "" || a.Sub != "" {
			t.Errorf("a service that may not ask: %+v", a)
		}
		if a := ask(asker, person.Refresh); a.Active {
			t.Errorf("a refresh token: %+v", a)
		}

		if a := other.Call(t, "POST", "/auth/oauth/revoke", url.Values{"token": {got.Access}}); a.Status != http.StatusUnauthorized {
			t.Errorf("revoked by nobody: %d", a.Status)
		}
		other.Call(t, "POST", "/auth/oauth/revoke", robot.form(t, "gateway", "token", got.Access)).Want(t, http.StatusOK)
		kit.Eventually(t, atOnce, "the token ends", func() bool { return worker.Call(t, "GET", "/api/rooms", nil).Status == http.StatusUnauthorized })
		if a := ask(asker, got.Access); a.Active {
			t.Errorf("revoked: %+v", a)
		}
		if a := c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "robot", "password": "whatever it may be 42"}); a.Status != http.StatusUnauthorized {
			t.Errorf("a service signs in: %d", a.Status)
		}
	})
}
