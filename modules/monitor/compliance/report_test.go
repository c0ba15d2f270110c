package compliance

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/view"
)

// forms are how the standards number their controls.
var forms = map[string]*regexp.Regexp{
	"iso27001": regexp.MustCompile(`^A\.(5\.([1-9]|[12]\d|3[0-7])|6\.[1-8]|7\.([1-9]|1[0-4])|8\.([1-9]|[12]\d|3[0-4]))$`),
	"soc2":     regexp.MustCompile(`^CC[1-9]\.[1-8]$`),
	"gdpr":     regexp.MustCompile(`^Art\. (25\([1-3]\)|32\([1-4]\)(\([a-d]\))?)$`),
	"nist-csf": regexp.MustCompile(`^(GV|ID|PR|DE|RS|RC)\.[A-Z]{2}-\d\d$`),
	"asvs":     regexp.MustCompile(`^V(1[0-7]|[1-9])\.\d\.\d{1,2}$`),
}

// No control is claimed without a check, and no check looks at what nobody asks for.
func TestCatalogue(t *testing.T) {
	known, used := map[string]bool{}, map[string]bool{}
	for _, c := range Checks() {
		known[c.ID] = true
	}
	for _, f := range Frameworks() {
		ids, slugs := map[string]bool{}, map[string]bool{}
		for _, c := range f.Controls {
			if !forms[f.ID].MatchString(c.ID) {
				t.Errorf("%s: there can be no control %s", f.ID, c.ID)
			}
			if slug := itemID(f.ID, c.ID); ids[c.ID] || slugs[slug] {
				t.Errorf("%s %s is there twice", f.ID, c.ID)
			} else {
				ids[c.ID], slugs[slug] = true, true
			}
			if len(c.Checks) == 0 || c.Title == "" {
				t.Errorf("%s %s is claimed without a check", f.ID, c.ID)
			}
			for _, id := range c.Checks {
				if !known[id] {
					t.Errorf("%s %s: there is no check %s", f.ID, c.ID, id)
				}
				used[id] = true
			}
		}
	}
	for id := range known {
		if !used[id] {
			t.Errorf("no control asks for %s", id)
		}
	}
}

// A control is no better than the worst of its checks.
func TestAssess(t *testing.T) {
	r := Assess(good(), Frameworks())
	if n := r.Count(NotMet) + r.Count(Unknown); n > 0 || r.Gaps() != nil {
		t.Fatalf("%d controls of a good gateway are not met: %+v", n, r.Gaps())
	}
	f := good()
	f.Accounts = nil
	set(f, "gateway.events.encrypt", false)
	r = Assess(f, Only("gdpr", "soc2"))
	if len(r.Frameworks) != 2 {
		t.Fatalf("%d standards", len(r.Frameworks))
	}
	for _, want := range []struct {
		framework, control string
		result             Result
	}{{"gdpr", "Art. 32(1)(a)", NotMet}, {"soc2", "CC6.2", Unknown}, {"soc2", "CC7.2", Met}} {
		for _, w := range r.Frameworks {
			for _, c := range w.Controls {
				if w.ID == want.framework && c.ID == want.control && c.Result != want.result {
					t.Errorf("%s is %s, not %s", c.ID, c.Result, want.result)
				}
			}
		}
	}
	gaps := r.Gaps()
	if len(gaps) != 1 || gaps[0].Check.ID != "events-encrypted" || !slices.Equal(gaps[0].Controls, []string{"GDPR Art. 32(1)(a)"}) || gaps[0].Check.Mend == "" {
		t.Errorf("gaps: %+v", gaps)
	}
}

func TestOneResultOfSeveral(t *testing.T) {
	r := &Report{Checks: map[string]Checked{"a": {Outcome: met("a")}, "b": {Outcome: notMet("b")}, "c": {Outcome: unknown("c")}, "d": {Outcome: notApplicable("d")}}}
	for _, c := range []struct {
		checks string
		want   Result
	}{{"a", Met}, {"a b", NotMet}, {"c b a", NotMet}, {"a c", Unknown}, {"a d", Met}, {"d", NotApplicable}, {"", Unknown}, {"a none", Unknown}} {
		if got := r.of(strings.Fields(c.checks)); got != c.want {
			t.Errorf("%q: %s, not %s", c.checks, got, c.want)
		}
	}
}

// broken are facts with a value that would be markup in a page and a formula in a spreadsheet.
func broken() Report {
	f := good()
	f.Config.Servers[0].Sites[0].Hosts = []string{`<script>alert(1)</script>`}
	f.Config.Servers[0].TLS = nil
	return Assess(f, Frameworks())
}

func TestFormats(t *testing.T) {
	r := broken()
	var html, raw, table bytes.Buffer
	if err := errors.Join(r.Write(&html, "html"), r.Write(&raw, "json"), r.Write(&table, "csv")); err != nil {
		t.Fatal(err)
	}
	if s := html.String(); strings.Contains(s, "<script") || !strings.Contains(s, "&lt;script&gt;") || !strings.Contains(s, "CC6.1") || !strings.Contains(s, "no audit and no certificate") ||
		regexp.MustCompile(`(?i)(src|href)=`).MatchString(s) {
		t.Error("the page runs something, or loads something, or does not say what it is")
	}
	var back Report
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil || back.Count(NotMet) != r.Count(NotMet) || len(back.Checks) != len(r.Checks) {
		t.Errorf("%v, %+v", err, back.Count(NotMet))
	}
	lines, err := csv.NewReader(&table).ReadAll()
	controls := 0
	for _, f := range Frameworks() {
		controls += len(f.Controls)
	}
	if err != nil || len(lines) != controls+1 {
		t.Errorf("%d lines for %d controls, %v", len(lines), controls, err)
	}
	if err := r.Write(&raw, "pdf"); err == nil {
		t.Error("there is a format pdf")
	}
}

func TestView(t *testing.T) {
	v := View(func(context.Context) (Report, error) { return broken(), nil })
	new(view.Set).Add(v)
	rows := func(query string) view.Page {
		t.Helper()
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := v.Ask(values, view.Person{}, noon)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Rows(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := rows("framework=soc2&result=not+met&limit=1"); p.Total != 2 || p.Next == "" || p.Rows[0].Cells[1] != "CC6.6" || p.Rows[0].Tone != view.Bad || p.Rows[0].Cells[5] == "" {
		t.Errorf("%+v", p)
	}
	if p := rows("text=hsts"); len(p.Rows) != 1 {
		t.Errorf("%+v", p)
	}
	panels, err := v.Panels(t.Context(), view.Query{})
	if err != nil || len(panels) != len(Frameworks())+1 {
		t.Errorf("%d panels, %v", len(panels), err)
	}
	for _, r := range rows("limit=1000").Rows {
		if item, err := v.Item(t.Context(), r.ID); err != nil || item.State != r.Cells[3] || len(item.Sections) < 2 {
			t.Errorf("%s: %+v, %v", r.ID, item, err)
		}
	}
	if _, err := v.Item(t.Context(), "soc2.cc9-9"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
	var w bytes.Buffer
	d, _ := v.Document("report")
	if err := d.Make(t.Context(), "gdpr.art-25-1", &w); err != nil || strings.Contains(w.String(), "CC6.1") || d.File("gdpr.art-25-1") != "compliance-gdpr.html" {
		t.Errorf("%v", err)
	}
	if err := d.Make(t.Context(), "none.a", &w); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}
