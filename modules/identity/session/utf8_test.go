package session

import (
	"strings"
	"testing"
)

// What clients send of themselves is stored in both databases: PostgreSQL takes no text that is not UTF-8, nor a zero byte, so such a client
// would not get in, and its session not be listed.
func TestOddUserAgentsSignIn(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	for _, agent := range []string{"\xff\xfe", "a\x00b", "Mozilla/5.0 \xc3", strings.Repeat("ü", 300), strings.Repeat("x", 255) + "ü", "\xed\xa0\x80", ""} {
		a := attempt("ursula")
		a.UserAgent = agent
		r, err := n.Login(ctx, a)
		if err != nil {
			t.Errorf("%.20q: %v", agent, err)
			continue
		}
		if _, err := n.Sessions(ctx, r.Identity); err != nil {
			t.Errorf("%.20q: listed: %v", agent, err)
		}
	}
}
