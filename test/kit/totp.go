package kit

import (
	"sync"
	"time"

	"github.com/pquerna/otp/totp"
)

const totpPeriod = 30 * time.Second

var (
	totpMu   sync.Mutex
	totpUsed = map[string]int64{} // secret → last step handed out
)

// Code returns a code for the secret that was not handed out before and that the gateway takes now. A code may be used once and
// only forwards, one step ahead of the clock is taken too: so two codes are there at once, and further ones are waited for.
func Code(t T, secret string) string {
	t.Helper()
	totpMu.Lock()
	defer totpMu.Unlock()
	now := time.Now()
	step := now.Unix() / int64(totpPeriod.Seconds())
	next := max(step, totpUsed[secret]+1)
	if ahead := next - step; ahead > 1 {
		from := time.Unix((next-1)*int64(totpPeriod.Seconds()), 0)
		t.Logf("waiting %s for a new TOTP code", time.Until(from).Round(time.Second))
		time.Sleep(time.Until(from) + 200*time.Millisecond)
	}
	totpUsed[secret] = next
	return codeAt(t, secret, time.Unix(next*int64(totpPeriod.Seconds()), 0))
}

// LastCode returns the code that Code returned last: a used one.
func LastCode(t T, secret string) string {
	t.Helper()
	totpMu.Lock()
	defer totpMu.Unlock()
	return codeAt(t, secret, time.Unix(totpUsed[secret]*int64(totpPeriod.Seconds()), 0))
}

func codeAt(t T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatalf("making a TOTP code: %v", err)
	}
	return code
}
