package compliance

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/view"
)

// View shows the controls with what they come to. assess looks at them.
func View(assess func(context.Context) (Report, error)) view.View {
	v := shown{assess}
	results := make([]string, 0, len(Results))
	for _, r := range Results {
		results = append(results, string(r))
	}
	return view.View{
		Name: "compliance", Title: "Compliance", Group: view.Proof, Rank: 20, Permission: view.Admin,
		About: "Controls of security standards that this gateway can give evidence of, each checked against what it does now and what stands in its data.",
		Filters: []view.Filter{
			{Name: "framework", Title: "Standard", Kind: view.Choice, Choices: FrameworkIDs()},
			{Name: "result", Title: "Result", Kind: view.Choice, Choices: results},
			{Name: "text", Title: "Control", Kind: view.Text, Hint: "logs"},
		},
		Columns: columns,
		Panels:  v.panels, Rows: v.rows, Item: v.item,
		Documents: []view.Document{{
			Name: "report", Title: "Whole report of this standard, for print", Kind: "text/html",
			File: func(id string) string { f, _, _ := strings.Cut(id, "."); return "compliance-" + f + ".html" },
			Make: v.document,
		}},
	}
}

var columns = []view.Column{
	{Name: "framework", Title: "Standard", Kind: view.Text},
	{Name: "control", Title: "Control", Kind: view.Text},
	{Name: "title", Title: "What it asks for", Kind: view.Text},
	{Name: "result", Title: "Result", Kind: view.State, Sort: true},
	{Name: "evidence", Title: "Evidence", Kind: view.Text, Less: true},
	{Name: "mend", Title: "How to mend it", Kind: view.Text, Less: true},
}

type shown struct {
	assess func(context.Context) (Report, error)
}

var noID = regexp.MustCompile(`[^a-z0-9]+`)

// itemID names a control in addresses: iso27001.a-8-5
func itemID(framework, control string) string {
	return framework + "." + strings.Trim(noID.ReplaceAllString(strings.ToLower(control), "-"), "-")
}

// tones by results.
var tones = map[Result]view.Tone{Met: view.Good, NotMet: view.Bad, NotApplicable: view.Muted, Unknown: view.Warn}

func (v shown) rows(ctx context.Context, q view.Query) (view.Page, error) {
	r, err := v.assess(ctx)
	if err != nil {
		return view.Page{}, err
	}
	text := strings.ToLower(q.Value("text"))
	var rows []view.Row
	for _, f := range r.Frameworks {
		for _, c := range f.Controls {
			if w := q.Value("framework"); w != "" && w != f.ID || q.Value("result") != "" && q.Value("result") != string(c.Result) {
				continue
			}
			if strings.Contains(strings.ToLower(c.ID+" "+c.Title), text) {
				evidence, mend := r.told(c)
				rows = append(rows, view.Row{ID: itemID(f.ID, c.ID), Cells: []any{f.Short, c.ID, c.Title, string(c.Result), evidence, mend}, Tone: tones[c.Result]})
			}
		}
	}
	page, err := view.Few(q, columns, rows)
	page.Note = Scope
	return page, err
}

// told is the evidence of a control in a line, and how to mend it. Of one that is not met it is what is not met.
func (r *Report) told(c ControlReport) (evidence, mend string) {
	var seen, mends []string
	for _, one := range r.Evidence(c) {
		if one.Result != c.Result {
			continue
		}
		seen = append(seen, one.Title+": "+strings.Join(one.Evidence, "; "))
		if one.Mend != "" {
			mends = append(mends, one.Mend)
		}
	}
	return strings.Join(seen, ". "), strings.Join(mends, " ")
}

func (v shown) panels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	r, err := v.assess(ctx)
	if err != nil {
		return nil, err
	}
	var all []view.Panel
	for _, f := range r.Frameworks {
		t := &view.Tile{Value: int64(f.Count[Met]), Kind: view.Number, Tone: view.Good, Link: "compliance?framework=" + f.ID}
		t.Note = fmt.Sprintf("met of %d; %d not met, %d unknown", len(f.Controls), f.Count[NotMet], f.Count[Unknown])
		if f.Count[NotMet] > 0 {
			t.Tone = view.Warn
		}
		all = append(all, view.Panel{Name: f.ID, Title: f.Short, About: f.Title, Tile: t})
	}
	gaps := r.Gaps()
	slices.SortStableFunc(gaps, func(a, b Gap) int { return len(b.Controls) - len(a.Controls) })
	t := &view.Table{Columns: []view.Column{
		{Name: "check", Title: "Not met", Kind: view.Text}, {Name: "seen", Title: "What was seen", Kind: view.Text}, {Name: "mend", Title: "How to mend it", Kind: view.Text}, {Name: "controls", Title: "Controls that ask for it", Kind: view.Number},
	}}
	for _, g := range gaps {
		t.Rows = append(t.Rows, view.Row{Cells: []any{g.Check.Title, strings.Join(g.Check.Evidence, "; "), g.Check.Mend, int64(len(g.Controls))}})
	}
	if len(gaps) > 0 {
		all = append(all, view.Panel{Name: "gaps", Title: "What to mend, by how many controls ask for it", Table: t, Wide: true})
	}
	return all, nil
}

func (v shown) item(ctx context.Context, id string) (view.Item, error) {
	r, err := v.assess(ctx)
	if err != nil {
		return view.Item{}, err
	}
	for _, f := range r.Frameworks {
		for _, c := range f.Controls {
			if itemID(f.ID, c.ID) != id {
				continue
			}
			item := view.Item{Title: f.Short + " " + c.ID + ": " + c.Title, State: string(c.Result), Tone: tones[c.Result]}
			for _, one := range r.Evidence(c) {
				facts := []view.Fact{{Name: "Result", Value: string(one.Result), Kind: view.State, Tone: tones[one.Result]}}
				for _, e := range one.Evidence {
					facts = append(facts, view.Fact{Name: "Seen", Value: e, Kind: view.Text})
				}
				if one.Mend != "" {
					facts = append(facts, view.Fact{Name: "How to mend it", Value: one.Mend, Kind: view.Text})
				}
				item.Sections = append(item.Sections, view.Section{Title: one.Title, Facts: facts})
			}
			item.Sections = append(item.Sections, view.Section{Title: "What this says", Text: Scope})
			return item, nil
		}
	}
	return view.Item{}, view.ErrNotFound
}

func (v shown) document(ctx context.Context, id string, w io.Writer) error {
	r, err := v.assess(ctx)
	if err != nil {
		return err
	}
	framework, _, _ := strings.Cut(id, ".")
	r.Frameworks = slices.DeleteFunc(slices.Clone(r.Frameworks), func(f FrameworkReport) bool { return f.ID != framework })
	if len(r.Frameworks) == 0 {
		return view.ErrNotFound
	}
	return r.WriteHTML(w)
}
