package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
)

// Kinds of ids of scores: an address has colons of its own, so the kind stands before.
const (
	clientScore = "client-"
	userScore   = "user-"
)

var levelTones = map[string]view.Tone{"tight": view.Warn, "challenged": view.Warn, "banned": view.Bad}

var scoreColumns = []view.Column{
	{Name: "client", Title: "Client", Kind: view.Address, Sort: true},
	{Name: "user", Title: "Account", Kind: view.ID, Sort: true},
	{Name: "level", Title: "Meets", Kind: view.State, Sort: true},
	{Name: "score", Title: "Score", Kind: view.Number, Sort: true},
	{Name: "points", Title: "Points of all behind it", Kind: view.Number, Sort: true, Less: true},
	{Name: "people", Title: "People signed in there", Kind: view.Number, Sort: true, Less: true},
	{Name: "exempt", Title: "Never met", Kind: view.Flag, Less: true},
}

var levelTitles = map[abuse.Level]string{abuse.Tight: "With tighter limits", abuse.Challenged: "Must solve a puzzle", abuse.Banned: "Banned for it"}

// challengesView shows who misbehaves, and what they meet for it.
func (a *App) challengesView() view.View {
	return view.View{
		Name: "challenges", Title: "Scores and challenges", Group: view.Respond, Rank: 40,
		About: "Clients and accounts that misbehave: refusals, attacks and failed logins add points, which halve with time. Many points tighten limits, then ask for a puzzle, then ban.",
		Filters: []view.Filter{
			{Name: "client", Title: "Client", Kind: view.Address, Hint: "192.0.2.7"},
			{Name: "user", Title: "Account id", Kind: view.Text},
			{Name: "level", Title: "Level", Kind: view.Choice, Choices: []string{"none", "tight", "challenged", "banned"}},
		},
		Columns: scoreColumns,
		Panels:  a.scorePanels, Rows: a.scoreRows, Item: a.scoreItem,
		Actions: []view.Action{{
			Name: "forgive", Title: "Take all points away", On: view.OnRow,
			Ask: "Take all points from it, on every node? A ban that it has stays: lift that among the bans.", Do: a.doForgive,
		}},
	}
}

func (a *App) scorePanels(context.Context, view.Query) ([]view.Panel, error) {
	if a.ground.Abuse == nil {
		return []view.Panel{{Name: "off", Title: "Scores", Tile: &view.Tile{Value: "off", Kind: view.State, Tone: view.Warn, Note: errAbuseOff.Error()}}}, nil
	}
	var all []view.Panel
	counts := a.ground.Abuse.Stats().Levels
	for _, l := range []abuse.Level{abuse.Tight, abuse.Challenged, abuse.Banned} {
		tile := &view.Tile{Value: int64(counts[l]), Kind: view.Number, Link: "challenges?level=" + l.String()}
		if counts[l] > 0 {
			tile.Tone = levelTones[l.String()]
		}
		all = append(all, view.Panel{Name: l.String(), Title: levelTitles[l], Tile: tile})
	}
	return all, nil
}

func (a *App) scoreRows(_ context.Context, q view.Query) (view.Page, error) {
	var found []abuse.Status
	client, user := q.Value("client"), q.Value("user")
	switch {
	case client != "":
		ip, err := clientOf(client)
		if err != nil {
			return view.Page{}, err
		}
		found = append(found, a.ground.Abuse.Client(ip))
	case user != "":
		found = append(found, a.ground.Abuse.User(user))
	default:
		found = a.ground.Abuse.Status(mostStatus)
	}
	rows := make([]view.Row, 0, len(found))
	for _, s := range found {
		j := a.abuseJSON(s)
		if level := q.Value("level"); level != "" && level != j.Level || client != "" && user != "" && s.User != user {
			continue
		}
		rows = append(rows, scoreRow(s, j))
	}
	p, err := view.Few(q, scoreColumns, rows)
	if len(found) == mostStatus {
		p.Note = fmt.Sprintf("Only the %d highest are shown.", mostStatus)
	}
	return p, err
}

func scoreRow(s abuse.Status, j abuseJSON) view.Row {
	cells := []any{nil, nil, j.Level, j.Score, j.Points, int64(j.People), j.Exempt}
	id := userScore + s.User
	if s.Client.IsValid() {
		id, cells[0] = clientScore+s.Client.Addr().String(), spelled(s.Client)
	} else {
		cells[1] = s.User
	}
	return view.Row{ID: id, Cells: cells, Tone: levelTones[j.Level]}
}

func clientOf(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, fmt.Errorf("%w: a client is one address", view.ErrMalformed)
	}
	return ip, nil
}

// scoreOf is the score that an id means.
func (a *App) scoreOf(id string) (s abuse.Status, err error) {
	if a.ground.Abuse == nil {
		return s, fmt.Errorf("%w: %w", view.ErrRefused, errAbuseOff)
	}
	if text, ok := strings.CutPrefix(id, clientScore); ok {
		if ip, err := netip.ParseAddr(text); err == nil {
			return a.ground.Abuse.Client(ip), nil
		}
	}
	if user, ok := strings.CutPrefix(id, userScore); ok && user != "" && len(user) <= mostUserID {
		return a.ground.Abuse.User(user), nil
	}
	return s, view.ErrNotFound
}

func (a *App) scoreItem(_ context.Context, id string) (view.Item, error) {
	s, err := a.scoreOf(id)
	if err != nil {
		return view.Item{}, err
	}
	j := a.abuseJSON(s)
	facts := []view.Fact{
		{Name: "Meets", Value: j.Level, Kind: view.State, Tone: levelTones[j.Level]},
		{Name: "Score", Value: j.Score, Kind: view.Number}, {Name: "Points of all behind it", Value: j.Points, Kind: view.Number},
		{Name: "People signed in there", Value: int64(j.People), Kind: view.Number}, {Name: "Never met", Value: j.Exempt, Kind: view.Flag},
	}
	title, did := s.User, "events?user="+url.QueryEscape(s.User)
	if s.Client.IsValid() {
		title, did = spelled(s.Client), "events?client="+url.QueryEscape(spelled(s.Client))
		facts = append(facts, view.Fact{Name: "Banned", Value: j.Banned, Kind: view.Flag, Link: "bans?address=" + s.Client.Addr().String()})
	}
	facts = append(facts, view.Fact{Name: "What it did", Value: "events", Kind: view.Text, Link: did})
	return view.Item{Title: title, State: j.Level, Tone: levelTones[j.Level], Sections: []view.Section{{Title: "How it stands", Facts: facts}}}, nil
}

func (a *App) doForgive(_ context.Context, o view.Order) (view.Done, error) {
	s, err := a.scoreOf(o.ID)
	if err != nil {
		return view.Done{}, err
	}
	if s.Client.IsValid() {
		a.forgive(s.Client.Addr(), "")
		return view.Done{Message: spelled(s.Client) + " begins anew.", Goto: "challenges"}, nil
	}
	a.forgive(netip.Addr{}, s.User)
	return view.Done{Message: "The account begins anew.", Goto: "challenges"}, nil
}

// forgive takes all points from a client, or where there is none from an account.
func (a *App) forgive(client netip.Addr, user string) {
	e := &event.Event{Category: "configuration", Action: "abuse-forgiven", Outcome: event.Success, Reason: "by an operator"}
	if client.IsValid() {
		a.ground.Abuse.Forget(client)
		e.SourceIP = client.String()
	} else {
		a.ground.Abuse.ForgetUser(user)
		e.UserID = user
	}
	a.ground.Events.Emit(e)
}
