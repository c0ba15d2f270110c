package view

import (
	"errors"
	"net/url"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

var bans = View{
	Filters: []Filter{
		{Name: "address", Title: "Address", Kind: Address}, {Name: "since", Title: "Since", Kind: Time, Default: "-1h"},
		{Name: "state", Title: "State", Kind: Choice, Choices: []string{"open", "closed"}}, {Name: "least", Title: "Least", Kind: Number},
	},
	Columns: []Column{{Name: "at", Kind: Time, Sort: true}, {Name: "why", Kind: Text}},
}

// What a view does not know, and what is not of its kind, is no question.
func TestAskRefuses(t *testing.T) {
	for _, query := range []string{
		"adress=192.0.2.1", "address=x", "address=192.0.2.1/33", "since=yesterday", "since=-99999999h", "state=half", "least=NaN", "least=1e99", "sort=why", "sort=-nothing",
		"limit=0", "limit=1001", "limit=x", "state=open&state=closed", "address=%00", "state=%ff",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := bans.Ask(values, Person{}, noon); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", query, q, err)
		}
	}
}

func TestAsk(t *testing.T) {
	q, err := bans.Ask(url.Values{"address": {" 2001:db8::/64 "}, "sort": {"-at"}, "limit": {"7"}, "state": {""}}, Person{ID: "a"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if q.Value("address") != "2001:db8::/64" || !q.Time("since").Equal(noon.Add(-time.Hour)) || q.Sort != "at" || !q.Desc || q.Limit != 7 || q.Value("state") != "" {
		t.Fatalf("%+v", q)
	}
	if q, err := bans.Ask(url.Values{"since": {""}}, Person{}, noon); err != nil || !q.Time("since").IsZero() {
		t.Fatalf("a filter that was emptied has its default: %v, %v", q.Time("since"), err)
	}
}

// An action takes its fields and no others.
func TestOrder(t *testing.T) {
	a := Action{Fields: []Field{{Name: "why", Title: "Reason", Kind: Text, Required: true, Most: 10}, {Name: "for", Title: "For", Kind: Duration, Default: "1h"}, {Name: "lines", Title: "Note", Kind: Text, Lines: true}}}
	o, err := a.Order(Person{}, "x", "", map[string]string{"why": " spam ", "lines": "a\nb"}, noon)
	if err != nil || o.Values["why"] != "spam" || o.Values["for"] != "1h" || o.Values["lines"] != "a\nb" {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, values := range []map[string]string{{}, {"why": " "}, {"why": "12345678901"}, {"why": "a\nb"}, {"why": "a", "for": "-1h"}, {"why": "a", "by": "b"}} {
		if o, err := a.Order(Person{}, "x", "", values, noon); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %+v, %v", values, o, err)
		}
	}
}

func TestSet(t *testing.T) {
	rows := bans
	rows.Name, rows.Title, rows.About, rows.Group, rows.Rows = "bans", "Bans", "Who may not come.", Respond, nil
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a view that shows nothing is taken")
			}
		}()
		new(Set).Add(rows)
	}()
	var none *Set
	none.Add(rows)
	if _, ok := none.Get("bans"); ok || none.All() != nil {
		t.Fatal("nothing has something")
	}
}
