package expiry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/test/pki"
)

const day = 24 * time.Hour

// A certificate is due 21 days before its end, or in the last quarter of a life that is shorter.
func TestDue(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		life, left time.Duration
		want       string
	}{
		"two years, a month left":       {730 * day, 30 * day, ""},
		"two years, 20 days left":       {730 * day, 20 * day, "the certificate of the output siem ends on 2026-12-17T12:00:00Z"},
		"90 days, at Caddy's renewal":   {90 * day, 29 * day, ""},
		"90 days, nobody renewed":       {90 * day, 20 * day, "ends on"},
		"twelve hours, four left":       {12 * time.Hour, 4 * time.Hour, ""},
		"twelve hours, two left":        {12 * time.Hour, 2 * time.Hour, "ends on"},
		"ended":                         {90 * day, -time.Hour, "has ended on 2026-11-27T11:00:00Z"},
		"no life at all, as of no date": {0, 0, ""},
	} {
		s := new(Set)
		s.Add(func() []Certificate {
			until := now.Add(c.left)
			return []Certificate{{Output, "siem", link.Life{From: until.Add(-c.life), Until: until}}}
		})
		if got := s.Due(now); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if new(Set).Due(now) != "" || (*Set)(nil).Due(now) != "" {
		t.Error("no certificates are due")
	}
}

// Of many the one that is to be renewed first stands for its use: a short life that is renewed in time hides no long one that is not.
func TestFirst(t *testing.T) {
	now := time.Now()
	s := new(Set)
	s.Add(func() []Certificate {
		return []Certificate{
			{Site, "internal.test", link.Life{From: now.Add(-6 * time.Hour), Until: now.Add(6 * time.Hour)}},
			{Site, "late.test", link.Life{From: now.Add(-88 * day), Until: now.Add(2 * day)}},
			{Store, "", link.Life{From: now, Until: now.Add(90 * day)}},
			{Store, "", link.Life{Authority: true, From: now, Until: now.Add(900 * day)}},
		}
	})
	first := s.First(now)
	if len(first) != 3 || first[0].Name != "late.test" || first[2].String() != "the authority of the store" {
		t.Error(first)
	}
}

// What a link's files hold now is told, also where no connection has read them since.
func TestLink(t *testing.T) {
	ca := pki.New(t, "ca.test")
	mine, ended := ca.Client(t, "gateway"), ca.Make(t, pki.Kind{Name: "late", Client: true, Ended: true})
	s := new(Set)
	if err := s.Link(Output, "siem", link.TLS{CA: ca.File, Certificate: ended.Cert, Key: ended.Key}); err != nil {
		t.Fatal(err)
	}
	if err := s.Link(Output, "none", link.TLS{}); err != nil {
		t.Fatal(err)
	}
	s.Files(Store, "", nil)
	if all := s.now(); len(all) != 2 || !strings.Contains(s.Due(time.Now()), "the certificate of the output siem has ended") {
		t.Error(all)
	}
	if err := s.Link(Alert, "ops", link.TLS{CA: filepath.Join(t.TempDir(), "none.pem")}); err == nil {
		t.Error("no file is taken")
	}
	later := new(Set)
	if err := later.Link(Output, "siem", link.TLS{Certificate: mine.Cert, Key: mine.Key}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(mine.Cert); err != nil {
		t.Fatal(err)
	}
	if all := later.now(); len(all) != 1 {
		t.Errorf("a file that can't be read is not what ends: %v", all)
	}
}
