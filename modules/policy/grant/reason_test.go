package grant

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestReason(t *testing.T) {
	for given, want := range map[string]string{
		"Incident 4711: abuse report": "Incident 4711: abuse report",
		"  two\nlines \t of text ":    "two lines of text",
		"Störung im Lager, Ärger":     "Störung im Lager, Ärger",
		strings.Repeat("ä", 500):      strings.Repeat("ä", 500),
		strings.Repeat("ä", 501):      "",
		"short":                       "",
		"a        b":                  "", // three characters, however far apart
		"":                            "",
		"nothing\x00but a test":       "",
		"an escape \x1b[31m sequence": "",
		"right to \u202e left":        "",
		"no width\u200bat all":        "",
		"broken \xff UTF-8":           "",
	} {
		got, err := Reason(given)
		if got != want || (err == nil) != (want != "") || err != nil && err != ErrReason {
			t.Errorf("%q: %q %v", given, got, err)
		}
	}
}

func FuzzReason(f *testing.F) {
	f.Add("Incident 4711: abuse report")
	f.Add("\u202e\x00\xff")
	f.Fuzz(func(t *testing.T, given string) {
		got, err := Reason(given)
		if err != nil {
			return
		}
		n := utf8.RuneCountInString(got)
		if again, err := Reason(got); again != got || err != nil || n < ShortestReason || n > LongestReason || strings.ContainsAny(got, "\n\r\t\x00\x1b") {
			t.Errorf("%q gives %q, which gives %q %v", given, got, again, err)
		}
	})
}

func TestEmergencyUntil(t *testing.T) {
	s, c, db := openAt(t)
	ctx := context.Background()
	end := c.in(time.Minute)
	apply(t, s, []Grant{{"petra", BreakGlass, SessionObject("S1"), end}}, nil)
	for _, x := range []struct {
		subject, session string
		want             time.Time
	}{{"petra", "S1", end}, {"petra", "S2", time.Time{}}, {"ursula", "S1", time.Time{}}, {"petra", "", time.Time{}}, {Everyone, "S1", time.Time{}}} {
		if got, err := s.EmergencyUntil(ctx, x.subject, x.session); err != nil || !got.Equal(x.want) {
			t.Errorf("%s in %q: until %v, want %v, %v", x.subject, x.session, got, x.want, err)
		}
	}
	c.pass(time.Minute)
	if got, err := s.EmergencyUntil(ctx, "petra", "S1"); err != nil || !got.IsZero() {
		t.Error("it is there at its end", got, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EmergencyUntil(ctx, "petra", "S1"); err == nil {
		t.Error("an answer without a database")
	}
}
