package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// inPage is what the tests' scripts call: the API, as the page would, and the browser's keys.
const inPage = `(async () => {
	const api = async (path, body, method = "POST") => {
		const r = await fetch("/auth/api/" + path, { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body ? JSON.stringify(body) : undefined });
		const text = await r.text();
		const found = text ? JSON.parse(text) : {};
		return { ...found, status: String(found.status), code: r.status };
	};
	const make = async (o) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o.options.publicKey) })).toJSON();
	const ask = async (o) => (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o.options.publicKey) })).toJSON();
	%s
})()`

// answer is what of the API's answers the test looks at.
type answer struct {
	Code     int
	Type     string
	Status   string
	Username string
	MFAToken string `json:"mfa_token"`
	MFATime  string `json:"mfa_time"`
	Factors  []any
	Left     int `json:"recovery_codes_left"`
}

func script(t *testing.T, p *kit.Tab, code string) answer {
	t.Helper()
	a, err := kit.Await[answer](p, fmt.Sprintf(inPage, code))
	if err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return a
}

// A passkey in a real browser, from its registration to its end.
func TestPasskeyInABrowser(t *testing.T) {
	s := memory
	frida := addUser(t, s.cli(), "frida", "user")
	p := kit.StartBrowser(t).Tab(t, "frida", kit.Desktop)
	device := p.Authenticator()
	signIn(t, p, s.a, frida)
	p.Go(s.a.URL + "/auth/account")

	if a := script(t, p, `return api("account/webauthn", { credential: await make(await api("account/webauthn/begin")), name: "Laptop" });`); a.Code != 200 || a.Status != "ok" {
		t.Fatalf("registering: %+v", a)
	}
	if a := script(t, p, `return api("session", null, "GET");`); a.MFATime == "" {
		t.Errorf("after the registration: %+v", a)
	}
	if a := script(t, p, `return api("account/recovery-codes");`); a.Code != 200 {
		t.Errorf("recovery codes: %+v", a)
	}
	if a := script(t, p, `return api("account/factors", null, "GET");`); len(a.Factors) != 1 || a.Left != 10 {
		t.Errorf("factors: %+v", a)
	}

	const passkey = `const o = await api("passkey/begin", {}); return api("passkey", { passkey_token: o.passkey_token, credential: await ask(o) });`
	out := func(t *testing.T) {
		t.Helper()
		if a := script(t, p, `return api("logout");`); a.Code != 204 {
			t.Fatalf("logout: %+v", a)
		}
		if a := script(t, p, `return api("session", null, "GET");`); a.Code != 401 {
			t.Fatalf("still signed in: %+v", a)
		}
	}
	t.Run("without a name or a password", func(t *testing.T) {
		out(t)
		if a := script(t, p, passkey); a.Code != 200 || a.Status != "ok" {
			t.Fatalf("%+v", a)
		}
		if a := script(t, p, `return api("session", null, "GET");`); a.Username != "frida" || a.MFATime == "" {
			t.Fatalf("%+v", a)
		}
	})
	t.Run("as the second factor", func(t *testing.T) {
		out(t)
		first := fmt.Sprintf(`api("login", { username: "frida", password: %q })`, frida.Password)
		if a := script(t, p, `return `+first+`;`); a.Status != "mfa_required" || a.MFAToken == "" {
			t.Fatalf("%+v", a)
		}
		a := script(t, p, `const { mfa_token } = await `+first+`; const o = await api("mfa/webauthn/begin", { mfa_token });
			return api("mfa/webauthn", { mfa_token, credential: await ask(o) });`)
		if a.Code != 200 || a.Status != "ok" {
			t.Fatalf("%+v", a)
		}
	})
	t.Run("at a step up", func(t *testing.T) {
		if a := script(t, p, `return api("stepup/webauthn", { credential: await ask(await api("stepup/webauthn/begin")) });`); a.Code != 200 {
			t.Fatalf("%+v", a)
		}
	})
	t.Run("one answer twice", func(t *testing.T) {
		a := script(t, p, `const o = await api("passkey/begin", {}); const body = { passkey_token: o.passkey_token, credential: await ask(o) };
			await api("passkey", body); return api("passkey", body);`)
		if a.Code != 409 || !strings.HasSuffix(a.Type, "challenge-expired") {
			t.Fatalf("%+v", a)
		}
	})
	t.Run("a copy of the key", func(t *testing.T) {
		device.Count(1) // the owner's stands higher
		if a := script(t, p, passkey); a.Code != 401 || !strings.HasSuffix(a.Type, "key-refused") {
			t.Fatalf("%+v", a)
		}
		device.Count(1000)
		if a := script(t, p, passkey); a.Code != 200 {
			t.Fatalf("the owner's: %+v", a)
		}
	})
	t.Run("whose finger is not known", func(t *testing.T) {
		device.Verifies(false)
		defer device.Verifies(true)
		if _, err := kit.Await[answer](p, fmt.Sprintf(inPage, passkey)); err == nil || !strings.Contains(err.Error(), "NotAllowedError") {
			t.Fatal("the browser should have refused:", err)
		}
	})
	t.Run("taken away", func(t *testing.T) {
		if a := script(t, p, `const { factors } = await api("account/factors", null, "GET"); return api("account/factors/" + factors[0].id, null, "DELETE");`); a.Code != 204 {
			t.Fatalf("%+v", a)
		}
		if a := script(t, p, passkey); a.Code != 401 || !strings.HasSuffix(a.Type, "key-refused") {
			t.Fatalf("%+v", a)
		}
	})
}
