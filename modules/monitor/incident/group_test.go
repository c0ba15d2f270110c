package incident

import (
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Findings are grouped by subject, technique and time: the same again joins for longer than something else.
func TestGrouping(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string // techniques
		subject       string
		after         time.Duration
		same          bool
	}{
		"the same again":            {"attack.t1110.003", "attack.t1110.003", "client:192.0.2.7", 5 * time.Hour, true},
		"a sub-technique":           {"attack.t1110.003", "attack.t1110.004", "client:192.0.2.7", 5 * time.Hour, true},
		"another, soon":             {"attack.t1110.003", "attack.t1213", "client:192.0.2.7", 50 * time.Minute, true},
		"another, later":            {"attack.t1110.003", "attack.t1213", "client:192.0.2.7", 5 * time.Hour, false},
		"none is known":             {"attack.t1110.003", "attack.impact", "client:192.0.2.7", 5 * time.Hour, true},
		"the same, much later":      {"attack.t1110.003", "attack.t1110.003", "client:192.0.2.7", 7 * time.Hour, false},
		"another client":            {"attack.t1110.003", "attack.t1110.003", "client:192.0.2.8", time.Minute, false},
		"told late, long before":    {"attack.t1110.003", "attack.t1213", "client:192.0.2.7", -5 * time.Hour, false},
		"told late, shortly before": {"attack.t1110.003", "attack.t1213", "client:192.0.2.7", -50 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, dbtest.NewSQLite(t), Options{})
			f := d.found("a", finding.High, 0, "client:192.0.2.7")
			f.Tags = []string{"attack.credential-access", c.first}
			a, _ := d.add(f)
			f = d.found("b", finding.High, c.after, c.subject)
			f.Tags = []string{c.second}
			if b, _ := d.add(f); (a.ID == b.ID) != c.same {
				t.Errorf("one incident: %v", a.ID == b.ID)
			}
		})
	}
}

// What is asked for is found by each of what it is known by, and by nothing else.
func TestQueries(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	f := d.found("a", finding.High, 0, "client:192.0.2.7", "user:u1")
	f.Tags = []string{"attack.t1110.003"}
	one, _ := d.add(f)
	d.at = d.at.Add(time.Hour)
	two, _ := d.add(d.found("b", finding.Low, 0, "client:192.0.2.8"))
	for _, err := range []error{
		second(d.Edit(t.Context(), one.ID, "ada", Edit{Owner: ptr("ada"), State: Contained, Verdict: ptr(True), Tag: []string{"vpn", "a-b"}})),
		d.Write(t.Context(), one.ID, "ada", "The 100% VPN_client of Zoë"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		q        Query
		one, two bool
	}{
		"all":                {Query{}, true, true},
		"active":             {Query{State: Active}, true, true},
		"state":              {Query{State: Contained}, true, false},
		"level":              {Query{Level: finding.Medium}, true, false},
		"owner":              {Query{Owner: "ada"}, true, false},
		"nobody's":           {Query{Owner: "-"}, false, true},
		"technique":          {Query{Technique: "T1110.003"}, true, false},
		"parent":             {Query{Technique: "T1110"}, true, false},
		"other technique":    {Query{Technique: "T1110.001"}, false, false},
		"subject":            {Query{Subject: finding.Subject{Kind: "client", ID: "192.0.2.8"}}, false, true},
		"verdict":            {Query{Verdict: True}, true, false},
		"no verdict":         {Query{Verdict: "-"}, false, true},
		"source":             {Query{Source: Report}, false, false},
		"tag":                {Query{Tag: "vpn"}, true, false},
		"half a tag":         {Query{Tag: "vp"}, false, false},
		"pattern of a tag":   {Query{Tag: "%"}, false, false},
		"rule":               {Query{Rule: "r-b"}, false, true},
		"title":              {Query{Text: "TITLE OF B"}, false, true},
		"note":               {Query{Text: "100% vpn_"}, true, false},
		"pattern":            {Query{Text: "1%vpn"}, false, false},
		"id":                 {Query{Text: one.ID[:8]}, true, false},
		"since":              {Query{Since: d.at}, false, true},
		"until":              {Query{Until: d.at}, true, false},
		"several":            {Query{State: Contained, Owner: "ada", Technique: "T1110", Tag: "a-b"}, true, false},
		"nothing of several": {Query{State: Contained, Owner: "eve"}, false, false},
	} {
		all, err := d.List(t.Context(), c.q)
		if err != nil {
			t.Fatal(name, err)
		}
		got := map[string]bool{}
		for _, i := range all {
			got[i.ID] = true
		}
		if n, err := d.Count(t.Context(), c.q); err != nil || n != len(all) || got[one.ID] != c.one || got[two.ID] != c.two {
			t.Errorf("%s: %v, %d, %v", name, got, n, err)
		}
	}
	for sort, first := range map[string]string{"opened": two.ID, "last": two.ID, "level": one.ID} {
		page, err := d.List(t.Context(), Query{Sort: sort, Limit: 1})
		if err != nil || page[0].ID != first {
			t.Errorf("%s: %v", sort, err)
			continue
		}
		rest, err := d.List(t.Context(), Query{Sort: sort, Limit: 1, After: first})
		if err != nil || len(rest) != 1 || rest[0].ID == first {
			t.Errorf("%s: the next page %+v, %v", sort, rest, err)
		}
		if least, err := d.List(t.Context(), Query{Sort: sort, Asc: true, Limit: 1}); err != nil || least[0].ID == first {
			t.Errorf("%s: the least %+v, %v", sort, least, err)
		}
	}
	if _, err := d.List(t.Context(), Query{Sort: "title; DROP TABLE incidents"}); err == nil {
		t.Error("it is sorted by what the caller writes")
	}
}

// Verdicts say how often a rule is right: an incident's of all rules that found it, a rule's own in its stead.
func TestPrecision(t *testing.T) {
	d := open(t, dbtest.New(t), Options{})
	for n, c := range []struct {
		rules   []string
		verdict string
		own     map[string]string
	}{
		{[]string{"r1", "r2"}, True, map[string]string{"r2": False}},
		{[]string{"r1"}, True, nil},
		{[]string{"r1"}, False, nil},
		{[]string{"r1", "r3"}, "", nil},
	} {
		var id string
		for m, rule := range c.rules {
			f := d.found(rule+string(rune('a'+n)), finding.High, time.Duration(m)*time.Second, "user:"+string(rune('a'+n)))
			f.Rule = rule
			i, _ := d.add(f)
			id = i.ID
		}
		if _, err := d.Edit(t.Context(), id, "ada", Edit{Verdict: &c.verdict}); err != nil {
			t.Fatal(err)
		}
		for rule, v := range c.own {
			if _, err := d.Edit(t.Context(), id, "ada", Edit{Verdict: &v, Rule: rule}); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := d.Precision(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, j := range all {
		p, known := j.Precision()
		switch {
		case j.Rule == "r1" && (j.True != 2 || j.False != 1 || j.Incidents != 4 || p < .66 || p > .67),
			j.Rule == "r2" && (j.True != 0 || j.False != 1 || p != 0 || !known),
			j.Rule == "r3" && known:
			t.Errorf("%+v", j)
		}
	}
}
