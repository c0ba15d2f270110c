package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every way to ask, page by page, gives each grant that fits once, whatever order the database keeps.
func TestList(t *testing.T) {
	s, c, _ := openAt(t)
	ctx := context.Background()
	var all []Grant
	for i := range 60 {
		o := fmt.Sprintf("%s:%s%d", []string{"room", "file", "Room", "größe"}[i%4], []string{"", "a-", "A_", "é.", "a:"}[i%5], i/4)
		all = append(all, Grant{fmt.Sprintf("%s%d", []string{"u", "u.", "u-"}[i%3], i%7), "member", o, never}, Grant{"ursula", []string{"owner", "viewer"}[i%2], o, c.in(time.Hour)})
		if i%4 == 1 {
			all = append(all, Grant{"room:a", Parent, o, never}, Grant{Everyone, "viewer", o, never})
		}
	}
	apply(t, s, all, nil)
	pages := func(q Query) (got []Grant) {
		t.Helper()
		for n := 0; ; n++ {
			p, err := s.List(ctx, q)
			if err != nil || len(p.Entries) > q.Limit || n > 1000 {
				t.Fatal(len(p.Entries), err)
			}
			for _, e := range p.Entries {
				if e.Since.UnixMicro() != c.now().UnixMicro() {
					t.Fatal(e.Since)
				}
				if !e.Expires.IsZero() {
					e.Expires = c.now().Add(e.Expires.Sub(c.now()))
				}
				got = append(got, e.Grant)
			}
			if q.After = p.Next; p.Next == "" {
				return got
			}
		}
	}
	say := func(list []Grant) string {
		var lines []string
		for _, g := range list {
			lines = append(lines, fmt.Sprint(g.Subject, " ", g.Relation, " ", g.Object, " ", g.Expires.UnixMicro()))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	for _, q := range []Query{
		{}, {Subject: "ursula"}, {Object: all[0].Object}, {Subject: "ursula", Kind: "room"}, {Relation: Parent}, {Kind: "file"}, {Subject: "ursula", Object: all[1].Object},
		{Subject: "u1", Relation: "member"}, {Object: all[5].Object, Relation: "viewer"}, {Subject: "nobody"}, {Subject: "ursula", Relation: "owner", Kind: "Room"}, {Subject: "room:a"},
	} {
		var want []Grant
		for _, g := range all {
			if (q.Subject == "" || g.Subject == q.Subject) && (q.Object == "" || g.Object == q.Object) && (q.Relation == "" || g.Relation == q.Relation) && (q.Kind == "" || kind(g.Object) == q.Kind) {
				want = append(want, g)
			}
		}
		for _, limit := range []int{1, 2, 7, 1000} {
			q.Limit = limit
			if got := say(pages(q)); got != say(want) {
				t.Errorf("%+v:\n%s\nwant\n%s", q, got, say(want))
			}
		}
	}
	c.pass(time.Hour)
	if p, err := s.List(ctx, Query{Subject: "ursula"}); err != nil || len(p.Entries) != 0 || p.Next != "" {
		t.Errorf("expired, but listed: %+v %v", p, err)
	}
}

func TestListIsBounded(t *testing.T) {
	s, _, _ := openAt(t)
	var add []Grant
	for i := range MaxPage + 1 {
		add = append(add, Grant{fmt.Sprint("user", i), "member", "room:a", never})
	}
	apply(t, s, add, nil)
	for _, limit := range []int{0, -1, MaxPage + 1, 1 << 40} {
		if p, err := s.List(context.Background(), Query{Limit: limit}); err != nil || len(p.Entries) != MaxPage || p.Next == "" {
			t.Error(limit, len(p.Entries), err)
		}
	}
	for _, after := range []string{"x", "!", "bnVsbA", "W10", "WyJyb29tOmEiLCJcdTAwMDAiLCIiXQ", strings.Repeat("A", 1<<20)} {
		if _, err := s.List(context.Background(), Query{After: after}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q: %v", after, err)
		}
	}
}

func TestMalformedQueries(t *testing.T) {
	s, _, _ := openAt(t)
	for _, q := range []Query{{Subject: "\x00"}, {Object: "room:\xff"}, {Relation: "a\nb"}, {Kind: "\x7f"}} {
		if _, err := s.List(context.Background(), q); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, g := range []Grant{{"\x00", "", "room:a", never}, {"", "\xff", "room:a", never}} {
		if err := s.Apply(context.Background(), nil, []Grant{g}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, g := range []Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}, {Subject: Everyone, Relation: "\"", Object: "room:ü:\u2028"}, {}} {
		f.Add(cursorOf(g))
	}
	f.Add("W10")
	f.Fuzz(func(t *testing.T, after string) {
		g, err := Query{After: after}.cursor()
		if err != nil {
			return
		}
		if !IsObject(g.Object) {
			t.Fatalf("%+v", g)
		}
		if again, err := (Query{After: cursorOf(g)}).cursor(); err != nil || again != g {
			t.Fatalf("%+v %+v %v", g, again, err)
		}
	})
}
