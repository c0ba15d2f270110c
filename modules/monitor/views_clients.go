package monitor

import (
	"context"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// clientsView shows who comes, the most active first.
func (a *App) clientsView() view.View {
	return view.View{
		Name: "clients", Title: "Clients", Group: view.Watch, Rank: 30,
		About:   "Addresses that events name, those with most events first, and how much of it was refused.",
		Filters: journal.Filters(),
		Columns: []view.Column{
			{Name: "client", Title: "Client", Kind: view.Address, Link: "events", Narrow: "client"},
			{Name: "events", Title: "Events", Kind: view.Number},
			{Name: "refused", Title: "Refused", Kind: view.Number},
			{Name: "findings", Title: "Findings", Kind: view.Number},
			{Name: "last", Title: "Last seen", Kind: view.Time},
			{Name: "country", Title: "Country", Kind: view.Text, Narrow: "country"},
			{Name: "network", Title: "Network", Kind: view.Text, Narrow: "network", Less: true},
		},
		Rows: a.clientRows,
	}
}

// mostClients are how many of the most active are told apart.
const mostClients = 1000

func (a *App) clientRows(ctx context.Context, q view.Query) (view.Page, error) {
	f, err := journal.FilterOf(q)
	if err != nil {
		return view.Page{}, err
	}
	from := 0
	if q.After != "" {
		if from, err = strconv.Atoi(q.After); err != nil || from < 0 {
			return view.Page{}, asked(journal.ErrCursor)
		}
	}
	top, err := a.journal.Top(ctx, f, journal.Client, mostClients)
	if err != nil {
		return view.Page{}, asked(err)
	}
	refused, err := a.clientCounts(ctx, f, journal.Is(journal.Verdict, journal.Refused))
	if err != nil {
		return view.Page{}, err
	}
	findings, err := a.clientCounts(ctx, f, journal.Is(journal.Action, "finding"))
	if err != nil {
		return view.Page{}, err
	}
	p := view.Page{Total: top.Distinct, Note: a.note(top.Partial)}
	from = min(from, len(top.Values))
	to := min(from+q.Limit, len(top.Values))
	last, err := a.lastOf(ctx, top.Values[from:to])
	if err != nil {
		return view.Page{}, err
	}
	for _, v := range top.Values[from:to] {
		row := view.Row{Cells: []any{v.Name, int64(v.Count), int64(refused[v.Name]), int64(findings[v.Name]), v.Last.Truncate(time.Second), nil, nil}}
		if findings[v.Name] > 0 {
			row.Tone = view.Warn
		}
		if h, ok := last[v.Seq]; ok {
			row.Cells[5], row.Cells[6] = orNil(h.Get(journal.Country)), orNil(h.Get(journal.Network))
		}
		p.Rows = append(p.Rows, row)
	}
	if to < len(top.Values) {
		p.Next = strconv.Itoa(to)
	}
	return p, nil
}

func (a *App) clientCounts(ctx context.Context, f journal.Filter, more journal.Cond) (map[string]int, error) {
	f.Conds = append(f.Conds[:len(f.Conds):len(f.Conds)], more)
	top, err := a.journal.Top(ctx, f, journal.Client, 20*mostClients)
	if err != nil {
		return nil, asked(err)
	}
	n := map[string]int{}
	for _, v := range top.Values {
		n[v.Name] = v.Count
	}
	return n, nil
}

// lastOf are the last events that have these values, by their numbers.
func (a *App) lastOf(ctx context.Context, values []journal.Value) (map[uint64]journal.Hit, error) {
	seqs := make([]uint64, 0, len(values))
	for _, v := range values {
		seqs = append(seqs, v.Seq)
	}
	return a.journal.At(ctx, seqs)
}
