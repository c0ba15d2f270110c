package redact

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "newPassword": true, "Pass": true, "pin": true, "refresh_token": true, "assertion": true, "client-secret": true, "OTP": true,
		"name": false, "compass": false, "spin": false, "text": false, "": false,
	} {
		if Name(name) != want {
			t.Error(name)
		}
	}
}

func TestTokens(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"hello eyJ":                            "hello eyJ",
		"a eyJhbGciOiJFUzI1NiJ9.eyJzdWIi.x-y":  "a " + Removed,
		"gwp_" + strings.Repeat("a", 47) + "!": Removed + "!",
		"gwp_short":                            "gwp_short",
	} {
		if got := Tokens(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
