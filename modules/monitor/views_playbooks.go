package monitor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
)

const (
	stepsName     = "checklists"
	playbooksName = "playbooks"
	mostOwn       = 20 // incidents whose steps are shown together
)

// stepsView shows what is left to do in incidents.
func (w *work) stepsView() view.View {
	return view.View{
		Name: stepsName, Title: "Checklists", Group: view.Respond, Rank: 11,
		About: "What the playbooks say is to be done in one incident, or what is left to do in those that you work on.",
		Filters: []view.Filter{
			{Name: "incident", Title: "Incident", Kind: view.Text, Hint: "its id; empty: yours"},
			{Name: "left", Title: "Only what is left", Kind: view.Flag},
		},
		Columns: []view.Column{
			{Name: "step", Title: "Step", Kind: view.Text}, {Name: "done", Title: "Done", Kind: view.State}, {Name: "phase", Title: "Phase", Kind: view.Text},
			{Name: "how", Title: "How", Kind: view.Text, Less: true}, {Name: "command", Title: "Command", Kind: view.Code, Less: true},
			{Name: "by", Title: "By", Kind: view.Text}, {Name: "at", Title: "When", Kind: view.Time, Less: true},
			{Name: "playbook", Title: "Playbook", Kind: view.Text, Less: true}, {Name: "incident", Title: "Incident", Kind: view.ID, Link: incidentsName},
		},
		Rows: w.stepRows,
		Actions: []view.Action{
			{Name: "done", Title: "Done", On: view.OnRow, Ask: "Is this step done?", Do: w.doTick(true)},
			{Name: "undone", Title: "Not done", On: view.OnRow, Ask: "Is this step not done after all?", Do: w.doTick(false)},
		},
	}
}

func (w *work) stepRows(ctx context.Context, q view.Query) (view.Page, error) {
	page, left := view.Page{}, q.Flag("left")
	ids := []string{q.Value("incident")}
	if ids[0] == "" {
		ids, left = nil, true
		all, err := w.incidents.List(ctx, incident.Query{State: incident.Active, Owner: q.Who.ID, Limit: mostOwn})
		if err != nil {
			return page, err
		}
		for _, i := range all {
			ids = append(ids, i.ID)
		}
		page.Note = "What is left in the incidents that you work on."
	}
	called := w.names()
	for _, id := range ids {
		i, err := w.incidents.Show(ctx, id)
		if err != nil {
			return page, w.failed(ctx, err)
		}
		for _, r := range w.steps(ctx, &i, called) {
			if !left || r.Actions[0] == "done" {
				page.Rows = append(page.Rows, r)
			}
		}
	}
	page.Rows = page.Rows[:min(len(page.Rows), q.Limit)]
	page.Total = len(page.Rows)
	return page, nil
}

// steps are the rows of an incident's playbooks.
func (w *work) steps(ctx context.Context, i *incident.Whole, called *names) (rows []view.Row) {
	ticked := map[string]incident.Step{}
	for _, s := range i.Steps {
		ticked[s.Playbook+"/"+s.Step] = s
	}
	of := stands(&i.Incident)
	for _, p := range w.playbooksFor(i) {
		for _, s := range p.Steps {
			row := view.Row{ID: i.ID + "/" + p.ID + "/" + s.ID, Actions: []string{"done"}, Cells: []any{s.Title, "to do", s.Phase, s.How, s.Command(of), nil, nil, p.Title, i.ID}}
			if t, done := ticked[p.ID+"/"+s.ID]; done {
				row.Cells[1], row.Cells[5], row.Cells[6] = "done", called.of(ctx, t.Who), t.At
				row.Tone, row.Actions = view.Good, []string{"undone"}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// checklistSections are what is to be done, as part of an incident's page.
func (w *work) checklistSections(ctx context.Context, i *incident.Whole, called *names) (all []view.Section) {
	rows := w.steps(ctx, i, called)
	if len(rows) == 0 {
		return nil
	}
	done := 0
	t := &view.Table{Columns: []view.Column{
		{Name: "step", Title: "Step", Kind: view.Text}, {Name: "done", Title: "Done", Kind: view.State}, {Name: "phase", Title: "Phase", Kind: view.Text},
		{Name: "command", Title: "Command", Kind: view.Code, Less: true}, {Name: "by", Title: "By", Kind: view.Text, Less: true}, {Name: "playbook", Title: "Playbook", Kind: view.Text, Less: true},
	}}
	for _, r := range rows {
		if r.Tone == view.Good {
			done++
		}
		t.Rows = append(t.Rows, view.Row{Tone: r.Tone, Cells: []any{r.Cells[0], r.Cells[1], r.Cells[2], r.Cells[4], r.Cells[5], r.Cells[7]}})
	}
	fact := view.Fact{Name: "Checklist", Value: fmt.Sprintf("%d of %d steps are done: tick them", done, len(rows)), Kind: view.Text, Link: view.Narrowed(stepsName, "incident", i.ID)}
	return []view.Section{{Title: "What to do", Facts: []view.Fact{fact}}, {Title: "Steps", Table: t}}
}

// parseStep reads INCIDENT/PLAYBOOK/STEP.
func (w *work) parseStep(id string) (of, book, step string, err error) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return "", "", "", view.ErrNotFound
	}
	p, ok := w.playbooks.Get(parts[1])
	if !ok {
		return "", "", "", view.ErrNotFound
	}
	if _, ok := p.Step(parts[2]); !ok {
		return "", "", "", view.ErrNotFound
	}
	return parts[0], parts[1], parts[2], nil
}

func (w *work) doTick(done bool) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		id, book, step, err := w.parseStep(o.ID)
		if err != nil {
			return view.Done{}, err
		}
		if err := w.incidents.Tick(ctx, id, o.Who.ID, book, step, done); err != nil {
			return view.Done{}, w.failed(ctx, err)
		}
		out, undo := view.Done{Message: "The step is done."}, "undone"
		if !done {
			out.Message, undo = "The step is to be done.", "done"
		}
		out.Undo = &view.Undo{View: stepsName, Action: undo, ID: o.ID}
		return out, nil
	}
}

// playbooksView shows the checklists that there are.
func (w *work) playbooksView() view.View {
	return view.View{
		Name: playbooksName, Title: "Playbooks", Group: view.Respond, Rank: 12,
		About:   "Checklists for incidents of each kind: those that come with the gateway, and those of the folder in the configuration.",
		Filters: []view.Filter{{Name: "technique", Title: "Technique", Kind: view.Text, Hint: "T1110"}},
		Columns: []view.Column{
			{Name: "title", Title: "Playbook", Kind: view.Text}, {Name: "about", Title: "What it is for", Kind: view.Text}, {Name: "steps", Title: "Steps", Kind: view.Number},
			{Name: "techniques", Title: "Techniques (MITRE ATT&CK)", Kind: view.Texts, Less: true, Narrow: "technique"}, {Name: "id", Title: "Id", Kind: view.Code, Less: true},
		},
		Rows: w.playbookRows, Item: w.playbookItem,
	}
}

func (w *work) playbookRows(_ context.Context, q view.Query) (view.Page, error) {
	page, all := view.Page{}, w.playbooks.All()
	if text := q.Value("technique"); text != "" {
		t, ok := incident.ParseTechnique(text)
		if !ok {
			return page, fmt.Errorf("%w: a technique is written as T1110 or T1110.003", view.ErrMalformed)
		}
		all = w.playbooks.For(playbook.Matter{Techniques: []string{t}})
	}
	start := 0
	if q.After != "" {
		start = slices.IndexFunc(all, func(p *playbook.Playbook) bool { return p.ID == q.After }) + 1
	}
	end := min(start+q.Limit, len(all))
	for _, p := range all[start:end] {
		page.Rows = append(page.Rows, view.Row{ID: p.ID, Cells: []any{p.Title, p.About, int64(len(p.Steps)), p.For.Techniques, p.ID}})
	}
	if page.Total = len(all); end < len(all) {
		page.Next = all[end-1].ID
	}
	return page, nil
}

func (w *work) playbookItem(_ context.Context, id string) (view.Item, error) {
	p, ok := w.playbooks.Get(id)
	if !ok {
		return view.Item{}, view.ErrNotFound
	}
	item := view.Item{Title: p.Title, Sections: []view.Section{{Title: "What it is for", Text: p.About, Facts: []view.Fact{
		{Name: "Techniques (MITRE ATT&CK)", Value: p.For.Techniques, Kind: view.Texts}, {Name: "Rules", Value: p.For.Rules, Kind: view.Texts},
		{Name: "Found by", Value: cmp.Or(p.For.Source, "anybody"), Kind: view.Text},
	}}}}
	for _, phase := range playbook.Phases() {
		t := &view.Table{Columns: []view.Column{
			{Name: "step", Title: "Step", Kind: view.Text}, {Name: "how", Title: "How", Kind: view.Text}, {Name: "command", Title: "Command", Kind: view.Code},
		}}
		for _, s := range p.Steps {
			if s.Phase == phase {
				t.Rows = append(t.Rows, view.Row{Cells: []any{s.Title, s.How, s.Run}})
			}
		}
		if len(t.Rows) > 0 {
			item.Sections = append(item.Sections, view.Section{Title: strings.ToUpper(phase[:1]) + phase[1:], Table: t})
		}
	}
	return item, nil
}
