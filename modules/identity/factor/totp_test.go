package factor

import (
	"strings"
	"testing"
	"time"
)

// RFC 6238, appendix B, SHA-1: the last six digits of its eight.
func TestTOTPVectors(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890"
	for at, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		for skew := int64(-2); skew <= 2; skew++ {
			if at+skew*30 < 0 {
				continue
			}
			step, ok := MatchTOTP(secret, code, time.Unix(at+skew*30, 0))
			if want := skew >= -1 && skew <= 1; ok != want || ok && step != at/30 {
				t.Errorf("%s at %d%+d steps: %v %d", code, at, skew, ok, step)
			}
		}
	}
	if _, ok := MatchTOTP(secret, "287 082", time.Unix(59, 0)); !ok {
		t.Error("a blank in the middle")
	}
	for _, bad := range []string{"", "28708", "2870821", "２８７０８２", "287082\n", "-87082", strings.Repeat("2", 1<<20)} {
		if _, ok := MatchTOTP(secret, bad, time.Unix(59, 0)); ok {
			t.Errorf("%.20q was taken", bad)
		}
	}
}

func TestSecretsAreLong(t *testing.T) {
	a, b := NewTOTPSecret(), NewTOTPSecret()
	if len(a) != 32 || a == b { // 160 bits in base32
		t.Fatal(a, b)
	}
	if got := TOTPURI("My Chat & Co", "ada", "ABC"); got != "otpauth://totp/My%20Chat%20&%20Co:ada?secret=ABC&issuer=My%20Chat%20%26%20Co&algorithm=SHA1&digits=6&period=30" {
		t.Fatal(got)
	}
}
