package federation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/test/issuer"
)

type claims = map[string]any

// idp is a provider that gives out what a test wants.
type idp struct {
	*issuer.Issuer
	t testing.TB

	mu       sync.Mutex
	id       claims // of the ID token, beside the usual
	userinfo any    // nil: none
	status   int    // of the token endpoint; 0: 200
	form     url.Values
	auth     string
	nonce    string
}

func newIDP(t testing.TB) *idp {
	p := &idp{Issuer: issuer.New(t), t: t, id: claims{}}
	p.Serve("authorization_endpoint", "/auth", http.NotFound)
	p.Serve("token_endpoint", "/token", p.token)
	p.Serve("userinfo_endpoint", "/me", p.me)
	return p
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	p.form, p.auth = r.PostForm, r.Header.Get("Authorization")
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	c := claims{"typ": "JWT", "nonce": p.nonce, "auth_time": time.Now().Add(-time.Hour).Unix(), "client_id": nil, "jti": nil}
	for k, v := range p.id {
		c[k] = v
	}
	_ = json.NewEncoder(w).Encode(claims{"id_token": p.Token(p.t, "ada", "gw", c), "access_token": "AT", "token_type": "Bearer"})
}

func (p *idp) me(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer AT" || p.userinfo == nil {
		w.WriteHeader(401)
		return
	}
	_ = json.NewEncoder(w).Encode(p.userinfo)
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newService(t testing.TB, c *clock, all ...Config) *Service {
	t.Helper()
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), all, keys, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// begun is a flow on its way.
type begun struct {
	cookie string
	sent   url.Values
}

func begin(t testing.TB, s *Service, p *idp, start Start) begun {
	t.Helper()
	start.Redirect = "https://gw.example/auth/oidc/corp/callback"
	address, cookie, err := s.Begin(t.Context(), "corp", start)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.nonce = u.Query().Get("nonce")
	p.mu.Unlock()
	return begun{cookie, u.Query()}
}

func (b begun) answer(more ...string) url.Values {
	q := url.Values{"code": {"C"}, "state": b.sent["state"]}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}

func config(p *idp) Config {
	return Config{ID: "corp", Issuer: p.URL, ClientID: "gw", ClientSecret: "se:cret"}
}

func TestFlow(t *testing.T) {
	p, c := newIDP(t), &clock{t: time.Now()}
	s := newService(t, c, config(p))
	p.id = claims{"email": "Ada@corp.example", "email_verified": true, "preferred_username": "ada", "name": "Ada L."}
	b := begin(t, s, p, Start{Purpose: Login, ReturnTo: "/rooms"})
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "gw", "redirect_uri": "https://gw.example/auth/oidc/corp/callback", "scope": "openid email profile", "code_challenge_method": "S256", "prompt": "", "max_age": "31536000",
	} {
		if got := b.sent.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	person, start, err := s.Finish(t.Context(), "corp", b.answer(), b.cookie)
	if err != nil {
		t.Fatal(err)
	}
	if person.Provider != "corp" || person.Issuer != p.URL || person.Subject != "ada" || person.Email != "Ada@corp.example" || !person.EmailVerified ||
		person.Username != "ada" || person.DisplayName != "Ada L." || person.Multi || person.AuthTime.IsZero() || start.ReturnTo != "/rooms" || start.Purpose != Login {
		t.Errorf("%+v %+v", person, start)
	}
	sum := sha256.Sum256([]byte(p.form.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != b.sent.Get("code_challenge") || p.form.Get("redirect_uri") != b.sent.Get("redirect_uri") || p.form.Get("code") != "C" || p.form.Get("grant_type") != "authorization_code" {
		t.Errorf("%v", p.form)
	}
	if p.auth != "Basic "+base64.StdEncoding.EncodeToString([]byte("gw:se%3Acret")) || p.form.Has("client_secret") {
		t.Errorf("%q %v", p.auth, p.form)
	}

	again := begin(t, s, p, Start{Purpose: Again})
	if again.sent.Get("prompt") != "login" || again.sent.Get("max_age") != "0" {
		t.Errorf("%v", again.sent)
	}
	if begin(t, s, p, Start{Purpose: Link}).sent.Get("prompt") != "login" {
		t.Error("linking takes whoever is signed in there")
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if again.sent.Get(name) == b.sent.Get(name) || len(again.sent.Get(name)) < 26 {
			t.Errorf("%s: %q and %q", name, again.sent.Get(name), b.sent.Get(name))
		}
	}
	long := begin(t, s, p, Start{Purpose: Login, ReturnTo: "/" + strings.Repeat("x", 2000)})
	if len(long.cookie) > 3000 {
		t.Errorf("a cookie of %d bytes", len(long.cookie))
	}
}

// What does not belong to the browser's own flow is refused before the provider is asked for anything.
func TestFlowsStayWithTheirBrowser(t *testing.T) {
	p, c := newIDP(t), &clock{t: time.Now()}
	other := config(p)
	other.ID = "other"
	s := newService(t, c, config(p), other)
	mine, evil := begin(t, s, p, Start{Purpose: Login}), begin(t, s, p, Start{Purpose: Login})
	flipped := []byte(mine.cookie)
	flipped[20] ^= 1
	for name, f := range map[string]struct {
		id     string
		q      url.Values
		cookie string
	}{
		"no cookie":            {"corp", mine.answer(), ""},
		"another's state":      {"corp", evil.answer(), mine.cookie},
		"another's cookie":     {"corp", mine.answer(), evil.cookie},
		"no state":             {"corp", url.Values{"code": {"C"}}, mine.cookie},
		"state twice":          {"corp", url.Values{"code": {"C"}, "state": {mine.sent.Get("state"), mine.sent.Get("state")}}, mine.cookie},
		"state empty":          {"corp", mine.answer("state", ""), mine.cookie},
		"another provider's":   {"other", mine.answer(), mine.cookie},
		"cookie altered":       {"corp", mine.answer(), string(flipped)},
		"cookie cut":           {"corp", mine.answer(), mine.cookie[:len(mine.cookie)-4]},
		"cookie made up":       {"corp", mine.answer(), base64.RawURLEncoding.EncodeToString([]byte(`{"t":"x","n":"x","v":"x"}`))},
		"cookie too long":      {"corp", mine.answer(), strings.Repeat("A", 5000)},
		"denied, not its flow": {"corp", url.Values{"error": {"access_denied"}, "state": {"x"}}, mine.cookie},
	} {
		if _, start, err := s.Finish(t.Context(), f.id, f.q, f.cookie); !errors.Is(err, ErrFlow) || start.Purpose != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.form != nil {
		t.Error("a code was redeemed")
	}
	if _, _, err := s.Finish(t.Context(), "none", mine.answer(), mine.cookie); !errors.Is(err, ErrProvider) {
		t.Error(err)
	}
	c.add(FlowLife + time.Second)
	if _, _, err := s.Finish(t.Context(), "corp", mine.answer(), mine.cookie); !errors.Is(err, ErrFlow) {
		t.Errorf("after its time: %v", err)
	}
}

func TestAnswersRefused(t *testing.T) {
	now := time.Now()
	for name, f := range map[string]struct {
		id     claims
		query  []string
		status int
		meta   claims
		info   any
		start  Start
		change func(*Config)
		err    error
	}{
		"denied":                   {query: []string{"error", "access_denied"}, err: ErrDenied},
		"no code":                  {query: []string{"code", ""}, err: ErrRefused},
		"huge code":                {query: []string{"code", strings.Repeat("c", 3000)}, err: ErrRefused},
		"iss of another":           {query: []string{"iss", "https://evil.example"}, err: ErrRefused},
		"iss empty":                {query: []string{"iss", ""}, err: ErrRefused},
		"iss missing where said":   {meta: claims{"authorization_response_iss_parameter_supported": true}, err: ErrRefused},
		"denied with another iss":  {query: []string{"error", "x", "iss", "https://evil.example"}, err: ErrRefused},
		"code used before":         {status: 400, err: ErrRefused},
		"client refused":           {status: 401, err: oidc.ErrUnavailable},
		"token endpoint down":      {status: 502, err: oidc.ErrUnavailable},
		"token endpoint redirects": {status: 302, err: ErrRefused},
		"nonce of another":         {id: claims{"nonce": "x"}, err: ErrRefused},
		"nonce missing":            {id: claims{"nonce": nil}, err: ErrRefused},
		"nonce a list":             {id: claims{"nonce": []string{"x"}}, err: ErrRefused},
		"for another":              {id: claims{"aud": "mail"}, err: ErrRefused},
		"for several, no azp":      {id: claims{"aud": []string{"gw", "mail"}}, err: ErrRefused},
		"azp of another":           {id: claims{"azp": "mail"}, err: ErrRefused},
		"azp no text":              {id: claims{"azp": []string{"gw"}}, err: ErrRefused},
		"iss of another in it":     {id: claims{"iss": "https://evil.example"}, err: ErrRefused},
		"expired":                  {id: claims{"exp": now.Add(-time.Second).Unix()}, err: ErrRefused},
		"no exp":                   {id: claims{"exp": nil}, err: ErrRefused},
		"no iat":                   {id: claims{"iat": nil}, err: ErrRefused},
		"old":                      {id: claims{"iat": now.Add(-10 * time.Minute).Unix()}, err: ErrRefused},
		"no subject":               {id: claims{"sub": ""}, err: ErrRefused},
		"an access token":          {id: claims{"typ": "at+jwt"}, err: ErrRefused},
		"a logout token":           {id: claims{"typ": "logout+jwt"}, err: ErrRefused},
		"auth_time to come":        {id: claims{"auth_time": now.Add(time.Hour).Unix()}, err: ErrRefused},
		"userinfo of another":      {info: claims{"sub": "eve", "email": "ada@corp.example", "email_verified": true}, err: ErrRefused},
		"userinfo without subject": {info: claims{"email": "ada@corp.example"}, err: ErrRefused},
		"userinfo no object":       {info: []string{"x"}, err: ErrRefused},
		"userinfo refuses":         {err: oidc.ErrUnavailable},
		"kept out":                 {info: claims{"sub": "ada", "hd": "evil.example"}, change: func(c *Config) { c.Require = []Match{{"hd", []string{"corp.example"}}} }, err: ErrRefused},
		"algorithm not named":      {info: claims{"sub": "ada"}, change: func(c *Config) { c.Algorithms = []string{"RS256"} }, err: ErrRefused},
		"again, an old login":      {info: claims{"sub": "ada"}, start: Start{Purpose: Again}, err: ErrRefused},
		"again, no time told":      {info: claims{"sub": "ada"}, id: claims{"auth_time": nil}, start: Start{Purpose: Again}, err: ErrRefused},
		"good":                     {info: claims{"sub": "ada"}},
		"good, iss given":          {info: claims{"sub": "ada"}, query: []string{"iss", "="}},
		"good, azp given":          {info: claims{"sub": "ada"}, id: claims{"aud": []string{"gw", "mail"}, "azp": "gw"}},
		"good, again":              {info: claims{"sub": "ada"}, id: claims{"auth_time": now.Unix()}, start: Start{Purpose: Again}},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newIDP(t), &clock{t: now}
			for k, v := range f.meta {
				p.Say(k, v)
			}
			cfg := config(p)
			if f.change != nil {
				f.change(&cfg)
			}
			s := newService(t, c, cfg)
			if f.start.Purpose == "" {
				f.start.Purpose = Login
			}
			b := begin(t, s, p, f.start)
			if f.id != nil {
				p.id = f.id
			}
			p.userinfo, p.status = f.info, f.status
			q := b.answer(f.query...)
			if q.Get("iss") == "=" {
				q.Set("iss", p.URL)
			}
			person, start, err := s.Finish(t.Context(), "corp", q, b.cookie)
			if !errors.Is(err, f.err) || start.Purpose != f.start.Purpose {
				t.Errorf("%v, want %v", err, f.err)
			}
			if err == nil && person.Subject != "ada" || err != nil && person.Subject != "" {
				t.Errorf("%+v", person)
			}
		})
	}
}

func TestUserinfo(t *testing.T) {
	p, c := newIDP(t), &clock{t: time.Now()}
	cfg := config(p)
	cfg.SecondFactor = &Match{"amr", []string{"mfa"}}
	cfg.ClientSecret = ""
	s := newService(t, c, cfg)
	p.id = claims{"amr": []string{"pwd", "mfa"}, "preferred_username": "ada", "email_verified": true} // of an address that it does not name
	p.userinfo = claims{"sub": "ada", "email": "ada@corp.example", "email_verified": "true", "preferred_username": "eve", "amr": []string{}}
	b := begin(t, s, p, Start{Purpose: Login})
	person, _, err := s.Finish(t.Context(), "corp", b.answer(), b.cookie)
	if err != nil {
		t.Fatal(err)
	}
	if person.Email != "ada@corp.example" || person.EmailVerified || person.Username != "ada" || !person.Multi {
		t.Errorf("%+v", person)
	}
	if p.auth != "" || p.form.Get("client_id") != "gw" {
		t.Errorf("a public client: %q %v", p.auth, p.form)
	}
	p.Say("token_endpoint_auth_methods_supported", []string{"client_secret_post"})
	s = newService(t, c, config(p))
	b = begin(t, s, p, Start{Purpose: Login})
	if _, _, err := s.Finish(t.Context(), "corp", b.answer(), b.cookie); err != nil {
		t.Fatal(err)
	}
	if p.auth != "" || p.form.Get("client_secret") != "se:cret" {
		t.Errorf("by post: %q %v", p.auth, p.form)
	}
}

func TestProviderDown(t *testing.T) {
	p, c := newIDP(t), &clock{t: time.Now()}
	s := newService(t, c, config(p))
	p.Down(true)
	if _, _, err := s.Begin(t.Context(), "corp", Start{}); !errors.Is(err, oidc.ErrUnavailable) {
		t.Error(err)
	}
	if _, _, err := s.Begin(context.Background(), "none", Start{}); !errors.Is(err, ErrProvider) {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	good := Config{ID: "corp", Issuer: "https://idp.example", ClientID: "gw"}
	if err := Check([]Config{good}); err != nil {
		t.Fatal(err)
	}
	if Check([]Config{good, good}) == nil {
		t.Error("two of one id pass")
	}
	for want, change := range map[string]func(*Config){
		"is no id":             func(c *Config) { c.ID = "a/b" },
		"client_id is missing": func(c *Config) { c.ClientID = "" },
		"must have openid":     func(c *Config) { c.Scopes = []string{"email"} },
		"is neither":           func(c *Config) { c.Link = "always" },
		"must be https":        func(c *Config) { c.Issuer = "http://idp.example" },
		`"none" is none of`:    func(c *Config) { c.Algorithms = []string{"none"} },
		"need a claim":         func(c *Config) { c.Require = []Match{{Claim: "hd"}} },
		"longer than 64 bytes": func(c *Config) { c.Name = strings.Repeat("x", 65) },
		"a role has":           func(c *Config) { c.Create = []string{"Admin"} },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzFinish(f *testing.F) {
	p, c := newIDP(f), &clock{t: time.Now()}
	s := newService(f, c, config(p))
	b := begin(f, s, p, Start{Purpose: Login})
	f.Add("code=C&state=x&iss=y", b.cookie)
	f.Add("error=x&state="+b.sent.Get("state"), b.cookie[:40])
	f.Fuzz(func(t *testing.T, raw, cookie string) {
		q, err := url.ParseQuery(raw)
		if err != nil || q.Get("state") == b.sent.Get("state") && cookie == b.cookie {
			return
		}
		if _, _, err := s.Finish(t.Context(), "corp", q, cookie); err == nil {
			t.Error("a made-up answer signs somebody in")
		}
	})
}
