package waf

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
)

// keyAnswer is what a browser sends of a security key: long random texts of letters, digits, - and _.
func keyAnswer(t *testing.T, registration bool) string {
	t.Helper()
	text := func(n int) string {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	client, err := json.Marshal(map[string]any{
		"type": "webauthn.get", "challenge": text(32), "origin": "https://chat.example.com:8443", "crossOrigin": false,
		"other_keys_can_be_added_here": "do not compare clientDataJSON against a template. See https://goo.gl/yabPex",
	})
	if err != nil {
		t.Fatal(err)
	}
	id := text(64)
	response := map[string]any{"clientDataJSON": base64.RawURLEncoding.EncodeToString(client), "authenticatorData": text(37), "signature": text(71), "userHandle": text(26)}
	if registration {
		response = map[string]any{
			"clientDataJSON": base64.RawURLEncoding.EncodeToString(client), "attestationObject": text(1200), "authenticatorData": text(230),
			"publicKey": text(91), "publicKeyAlgorithm": -7, "transports": []string{"hybrid", "internal", "usb"},
		}
	}
	raw, err := json.Marshal(map[string]any{
		"mfa_token": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		"credential": map[string]any{
			"id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "cross-platform",
			"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}, "response": response,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// No accident in a key's random answer may keep its owner out.
func TestKeyAnswersPass(t *testing.T) {
	h := provision(t, &Handler{})
	for path, registration := range map[string]bool{
		"/auth/api/mfa/webauthn": false, "/auth/api/stepup/webauthn": false, "/auth/api/passkey": false,
		"/auth/api/account/webauthn": true, "/auth/api/mfa/enrol/webauthn": true,
	} {
		hits := map[string]int{}
		for range 400 {
			o := do(t, h, request("POST", path, "application/json", keyAnswer(t, registration)))
			if !o.reached {
				hits["refused"]++
			}
			if o.verdict != nil {
				for _, m := range o.verdict.Matches {
					hits[fmt.Sprint(m.Rule, m.Variables)]++
				}
			}
		}
		if len(hits) > 0 {
			t.Errorf("%s: %v", path, hits)
		}
	}
}
