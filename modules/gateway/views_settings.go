package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/view"
)

// settingsView shows what is in force, whatever a file says that was read once. Nobody changes it there: configuration is changed where it is kept.
func settingsView(running func() (inforce.Gateway, error)) view.View {
	s := settings{running}
	return view.View{
		Name: "settings", Title: "Settings", Group: view.System, Rank: 90, Permission: view.Admin,
		About: "What this gateway is told to do, and what it does by default, as it is in force now. Secrets are not shown.",
		Filters: []view.Filter{
			{Name: "part", Title: "Part", Kind: view.Text, Hint: "gw_waf"},
			{Name: "text", Title: "Setting or value", Kind: view.Text, Hint: "timeout"},
		},
		Columns: []view.Column{
			{Name: "part", Title: "Part", Kind: view.Text, Narrow: "part"},
			{Name: "setting", Title: "Setting", Kind: view.Code},
			{Name: "value", Title: "Value", Kind: view.Code},
		},
		Panels: s.panels, Rows: s.rows, Item: s.item,
	}
}

type settings struct {
	running func() (inforce.Gateway, error)
}

// rows are settings one by one.
func (s settings) rows(_ context.Context, q view.Query) (view.Page, error) {
	g, err := s.running()
	if err != nil {
		return view.Page{}, err
	}
	part, text := strings.ToLower(q.Value("part")), strings.ToLower(q.Value("text"))
	var rows []view.Row
	for _, p := range g.Parts() {
		if !strings.Contains(strings.ToLower(p.Title), part) {
			continue
		}
		for _, one := range inforce.Flat(p.Settings) {
			if strings.Contains(strings.ToLower(one.Name), text) || strings.Contains(strings.ToLower(one.Value), text) {
				rows = append(rows, view.Row{ID: p.ID, Cells: []any{p.Title, one.Name, one.Value}})
			}
		}
	}
	return view.Few(q, nil, rows)
}

// panels are the sites with what requests meet there, outermost first.
func (s settings) panels(context.Context, view.Query) ([]view.Panel, error) {
	g, err := s.running()
	if err != nil {
		return nil, err
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "site", Title: "Site", Kind: view.Text}, {Name: "listens", Title: "Listens at", Kind: view.Texts, Less: true}, {Name: "path", Title: "What a request meets, outermost first", Kind: view.Texts},
	}}
	for _, server := range g.Servers {
		for _, site := range server.Sites {
			path := make([]string, 0, len(site.Handlers))
			for _, h := range site.Handlers {
				path = append(path, h.Module)
			}
			t.Rows = append(t.Rows, view.Row{Cells: []any{site.Name(), server.Listen, path}})
		}
	}
	all := []view.Panel{{Name: "sites", Title: "Sites", Table: t, Wide: true}}
	if len(g.Certificates) > 0 {
		all = append(all, view.Panel{Name: "certificates", Title: "Certificates", Table: shownCertificates(g.Certificates), Wide: true})
	}
	return all, nil
}

func shownCertificates(certificates []inforce.Certificate) *view.Table {
	t := &view.Table{Columns: []view.Column{
		{Name: "host", Title: "Host", Kind: view.Text}, {Name: "issuer", Title: "Issued by", Kind: view.Text}, {Name: "public", Title: "By a public authority", Kind: view.Flag},
		{Name: "from", Title: "Valid from", Kind: view.Time, Less: true}, {Name: "until", Title: "Valid until", Kind: view.Time},
	}}
	for _, c := range certificates {
		t.Rows = append(t.Rows, view.Row{Cells: []any{c.Host, c.Issuer, c.Public, c.From, c.Until}})
	}
	return t
}

func (s settings) item(_ context.Context, id string) (view.Item, error) {
	g, err := s.running()
	if err != nil {
		return view.Item{}, err
	}
	parts := g.Parts()
	at := slices.IndexFunc(parts, func(p inforce.Part) bool { return p.ID == id })
	if at < 0 {
		return view.Item{}, view.ErrNotFound
	}
	p := parts[at]
	item := view.Item{Title: p.Title}
	if len(p.Settings) == 0 {
		item.Sections = []view.Section{{Title: "Settings", Text: "Nothing is set: it does what it does by default, or has nothing to be set."}}
		return item, nil
	}
	t := &view.Table{Columns: []view.Column{{Name: "setting", Title: "Setting", Kind: view.Code}, {Name: "value", Title: "Value", Kind: view.Code}}}
	for _, one := range inforce.Flat(p.Settings) {
		t.Rows = append(t.Rows, view.Row{Cells: []any{one.Name, one.Value}})
	}
	item.Sections = []view.Section{{Title: "Settings", Table: t}, {Title: "As JSON", Code: p.Text()}}
	return item, nil
}

// showSettings adds the view.
func (a *App) showSettings() { a.ground.Views.Add(settingsView(host.Running)) }
