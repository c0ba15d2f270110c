package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const credential = `{"id":"AA","rawId":"AA","type":"public-key","response":{"signature":"x"}}`

func TestFactorAPI(t *testing.T) {
	for _, c := range []struct {
		call, body, asked string
		in                bool // of somebody who is signed in
		want              string
	}{
		{"POST /auth/api/mfa/totp", `{"mfa_token":"M","code":"123456"}`, "totp M 123456", false, `"status":"ok"`},
		{"POST /auth/api/mfa/recovery", `{"mfa_token":"M","code":"abcd","remember_device":"true"}`, "recovery M abcd", false, `"status":"ok"`},
		{"POST /auth/api/mfa/webauthn/begin", `{"mfa_token":"M"}`, "begin-key M gw.example", false, `{"options":{"publicKey":{"challenge":"C"}}}`},
		{"POST /auth/api/mfa/webauthn", `{"mfa_token":"M","credential":` + credential + `}`, "key M " + credential, false, `"status":"ok"`},
		{"POST /auth/api/mfa/enrol/totp", `{"mfa_token":"M"}`, "enrol M", false, `"qr":"data:image/png;base64,`},
		{"POST /auth/api/mfa/enrol/totp/confirm", `{"mfa_token":"M","token":"T","code":"123456","name":"Phone"}`, "confirm M T 123456 Phone", false, `"status":"ok"`},
		{"POST /auth/api/mfa/enrol/webauthn/begin", `{"mfa_token":"M"}`, "begin-add-key M gw.example", false, `"options"`},
		{"POST /auth/api/mfa/enrol/webauthn", `{"mfa_token":"M","credential":` + credential + `}`, "add-key M " + credential + " ", false, `"status":"ok"`},
		{"POST /auth/api/passkey/begin", `{}`, "begin-passkey gw.example", false, `{"options":{"publicKey":{"challenge":"C"}},"passkey_token":"P"}`},
		{"POST /auth/api/passkey", `{"passkey_token":"P","credential":` + credential + `,"remember":"true"}`, "passkey P " + credential, false, `"status":"ok"`},

		{"POST /auth/api/stepup/totp", `{"code":"123456"}`, "stepup 123456", true, `"status":"ok"`},
		{"POST /auth/api/stepup/recovery", `{"code":"abcd"}`, "stepup-recovery abcd", true, `"status":"ok"`},
		{"POST /auth/api/stepup/password", `{"password":"pw"}`, "stepup-password pw", true, `"status":"ok"`},
		{"POST /auth/api/stepup/webauthn/begin", ``, "begin-stepup-key gw.example", true, `"options"`},
		{"POST /auth/api/stepup/webauthn", `{"credential":` + credential + `}`, "stepup-key " + credential, true, `"status":"ok"`},
		{"GET /auth/api/account/factors", ``, "", true, `{"factors":[{"id":"F","kind":"webauthn","name":"Blue key","created_at":"2023-11-14T22:13:20Z","used_at":"2023-11-14T22:14:20Z","synced":true},` +
			`{"id":"G","kind":"totp","name":"","created_at":"2023-11-14T22:13:20Z"}],"recovery_codes_left":7}`},
		{"PATCH /auth/api/account/factors/F", `{"name":"Green key"}`, "rename F Green key", true, ""},
		{"DELETE /auth/api/account/factors/F", ``, "remove-factor F", true, ""},
		{"POST /auth/api/account/recovery-codes", ``, "recovery-codes", true, `{"codes":["aaaa-bbbb-cccc-dddd"]}`},
		{"POST /auth/api/account/totp", ``, "enrol", true, `"secret":"JBSWY3DPEHPK3PXP"`},
		{"POST /auth/api/account/totp/confirm", `{"token":"T","code":"123456"}`, "confirm T 123456 ", true, `"status":"ok"`},
		{"DELETE /auth/api/account/totp", `{"code":"123456"}`, "remove 123456", true, ""},
		{"POST /auth/api/account/webauthn/begin", ``, "begin-add-key gw.example", true, `"options"`},
		{"POST /auth/api/account/webauthn", `{"credential":` + credential + `,"name":"Blue key"}`, "add-key " + credential + " Blue key", true, `"status":"ok"`},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		var id *reqctx.Identity
		status := http.StatusOK
		if c.in {
			id = ursula
		}
		if c.want == "" {
			status = http.StatusNoContent
		}
		p := &people{}
		a := do(t, newHandler(t, p), id, method, path, c.body)
		if a.Code != status || strings.Join(p.asked, "|") != c.asked || !strings.Contains(a.Body.String(), c.want) {
			t.Errorf("%s: %d %s, asked %q", c.call, a.Code, a.Body, p.asked)
		}
		if c.in {
			if a := do(t, newHandler(t, &people{}), nil, method, path, c.body); a.Code != 401 {
				t.Errorf("%s of nobody: %d", c.call, a.Code)
			}
		}
		if method != "GET" {
			p := &people{}
			if a := do(t, newHandler(t, p), id, method, path, c.body, "Sec-Fetch-Site", "cross-site"); a.Code != 403 || len(p.asked) > 0 {
				t.Errorf("%s from another site: %d", c.call, a.Code)
			}
		}
		// Without any of its members, or with one more.
		var members map[string]any
		if json.Unmarshal([]byte(c.body), &members) != nil {
			members = map[string]any{}
		}
		for name := range members {
			if name == "name" && method == "POST" || strings.HasPrefix(name, "remember") {
				continue
			}
			p := &people{}
			if a := do(t, newHandler(t, p), id, method, path, without(members, name)); a.Code != 422 || len(p.asked) > 0 {
				t.Errorf("%s without %s: %d", c.call, name, a.Code)
			}
		}
		if method != "GET" {
			members["more"] = "x"
			p = &people{}
			if a := do(t, newHandler(t, p), id, method, path, without(members, "")); a.Code != 422 || len(p.asked) > 0 {
				t.Errorf("%s with one more: %d", c.call, a.Code)
			}
		}
	}
}

func without(members map[string]any, name string) string {
	rest := map[string]any{}
	for k, v := range members {
		if k != name {
			rest[k] = v
		}
	}
	raw, _ := json.Marshal(rest)
	return string(raw)
}

func TestEnrolmentIsAskedFor(t *testing.T) {
	h := newHandler(t, &people{granted: &session.Result{MFAToken: "M", Enrol: true, Factors: []string{"totp", "webauthn"}}})
	a := do(t, h, nil, "POST", "/auth/api/login", creds)
	if a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"factors":["totp","webauthn"],"mfa_token":"M","status":"enrol_required"}` || len(a.Header()["Set-Cookie"]) > 0 {
		t.Errorf("%d %s %v", a.Code, a.Body, a.Header())
	}
}

func TestFactorErrors(t *testing.T) {
	for err, want := range map[error]string{
		factor.ErrKey: "401 key-refused", factor.ErrCopied: "401 key-refused", session.ErrChallenge: "409 challenge-expired", factor.ErrSite: "409 no-keys-here", factor.ErrNoKey: "409 no-key-for-this-site",
		factor.ErrName: "422 bad-name", factor.ErrMany: "409 too-many-factors", session.ErrFactor: "404 no-such-factor", session.ErrRequired: "409 second-factor-required",
		session.ErrCode: "401 wrong-code", account.ErrNotFound: "409 no-second-factor", account.ErrExists: "409 second-factor-exists",
		fmt.Errorf("%w: and what of it", factor.ErrKey): "401 key-refused", errors.New("down"): "503 unavailable",
	} {
		a := do(t, newHandler(t, &people{err: err}), ursula, "DELETE", "/auth/api/account/factors/F", "")
		if got := fmt.Sprint(a.Code, " ", a.kind()); got != want || strings.Contains(a.Body.String(), "what of it") {
			t.Errorf("%v: %s %s", err, got, a.Body)
		}
	}
}

// RFC 9470
func TestStepUpChallenge(t *testing.T) {
	for name, c := range map[string]struct {
		people *people
		want   string
	}{
		"a factor is old":          {&people{err: session.NotFresh{ACR: "aal2", MaxAge: 10 * time.Minute}}, `acr_values="aal2", max_age="600"`},
		"a password is old":        {&people{err: session.NotFresh{ACR: "aal1", MaxAge: 10 * time.Minute}}, `acr_values="aal1", max_age="600"`},
		"the policy asks":          {&people{decide: stepUpWithin(5 * time.Minute)}, `acr_values="aal2", max_age="300"`},
		"the policy asks for none": {&people{decide: stepUpWithin(0)}, `acr_values="aal2"`},
	} {
		a := do(t, newHandler(t, c.people), ursula, "POST", "/auth/api/account/recovery-codes", "")
		header := a.Header().Get("WWW-Authenticate")
		if a.Code != 401 || a.kind() != "step-up-required" || !strings.HasPrefix(header, `Bearer error="insufficient_user_authentication", error_description="`) || !strings.HasSuffix(header, c.want) {
			t.Errorf("%s: %d %s %s", name, a.Code, header, a.Body)
		}
		var body struct {
			ACR    string `json:"acr_values"`
			MaxAge int    `json:"max_age"`
		}
		if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil || !strings.Contains(c.want, fmt.Sprintf("acr_values=%q", body.ACR)) || body.MaxAge > 0 != strings.Contains(c.want, "max_age") {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	// A factor can be given where one is asked for.
	for path, rt := range stepUpRoutes {
		p := &people{decide: stepUpWithin(time.Minute)}
		if a := do(t, newHandler(t, p), ursula, "POST", path, `{"code":"123456"}`); !rt.stepUp || a.kind() == "step-up-required" {
			t.Errorf("%s asks for what it takes", path)
		}
	}
}

func stepUpWithin(age time.Duration) func(*engine.Input) engine.Decision {
	return func(*engine.Input) engine.Decision {
		return engine.Decision{Obligations: engine.Obligations{StepUp: true, MaxAge: age}}
	}
}

func TestKeyAnswers(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 7) + `1` + strings.Repeat(`}`, 7)
	for name, c := range map[string]struct {
		value  string
		status int
	}{
		"as a browser makes it":        {credential, 200},
		"with lists, numbers and null": {`{"id":"AA","response":{"transports":["usb","nfc"],"publicKeyAlgorithm":-7,"x":null},"clientExtensionResults":{"credProps":{"rk":true}}}`, 200},
		"a text":                       {`"AA"`, 422},
		"a list":                       {`[{}]`, 422},
		"null":                         {`null`, 422},
		"a member twice":               {`{"id":"AA","id":"BB"}`, 422},
		"a member twice, deeper":       {`{"response":{"signature":"x","signature":"y"}}`, 422},
		"a member in two cases":        {`{"rawId":"AA","RAWID":"BB"}`, 422},
		"half a character":             {`{"id":"\ud800"}`, 422},
		"NUL":                          {`{"id":"\u0000"}`, 422},
		"too deep":                     {deep, 422},
		"lists too deep":               {`{"a":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, 422},
		"cut":                          {`{"id":"AA"`, 400},
		"two":                          {`{} {}`, 400},
		"too large":                    {`{"id":"` + strings.Repeat("A", 17<<10) + `"}`, 413},
	} {
		p := &people{}
		a := do(t, newHandler(t, p), nil, "POST", "/auth/api/passkey", `{"passkey_token":"P","credential":`+c.value+`}`)
		if a.Code != c.status || (len(p.asked) > 0) != (c.status == 200) {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
	}
	// Nowhere else is an object a value.
	for _, body := range []string{`{"username":{},"password":"pw"}`, `{"username":"ursula","password":"pw","credential":{}}`} {
		if a := do(t, newHandler(t, &people{}), nil, "POST", "/auth/api/login", body); a.Code != 422 {
			t.Errorf("%s: %d", body, a.Code)
		}
	}
}

func FuzzKeyAnswer(f *testing.F) {
	for _, s := range []string{credential, `{"a":{"A":[1,true,null,"x"]}}`, `{"a":1,"A":2}`, "[]", "{"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		body := append(append([]byte(`{"credential":`), raw...), '}')
		found, err := parseFields(body, []string{keyMember})
		if err != nil {
			return
		}
		// What is passed on is one object that says what the whole body said.
		var whole struct{ Credential map[string]any }
		var one map[string]any
		if json.Unmarshal(body, &whole) != nil || json.Unmarshal([]byte(found[keyMember]), &one) != nil {
			t.Fatalf("%q", raw)
		}
		a, _ := json.Marshal(whole.Credential)
		b, _ := json.Marshal(one)
		if string(a) != string(b) {
			t.Fatalf("%s is not %s", a, b)
		}
	})
}
