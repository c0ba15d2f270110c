package monitor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

var noteField = view.Field{Name: "note", Title: "Note", Kind: view.Text, Lines: true, Most: incident.MostNote, Hint: "What you know that others should know. It stands in no event."}

// incidentActions are what can be done with an incident. move and assign are what others are undone by.
func (w *work) incidentActions() []view.Action {
	return []view.Action{
		{
			Name: "take", Title: "Take it", On: view.OnRow, Ask: "Take this incident? It is yours to work on from now on, and triaged.", Do: w.doTake,
		}, {
			Name: "contain", Title: "Mark contained", On: view.OnItem, Ask: "Does it get no worse from now on?", Fields: []view.Field{noteField}, Do: w.doState(incident.Contained),
		}, {
			Name: "remediate", Title: "Mark remediated", On: view.OnItem, Ask: "Is what made it possible mended, and what it broke whole again?", Fields: []view.Field{noteField}, Do: w.doState(incident.Remediated),
		}, {
			Name: "close", Title: "Close", On: view.OnItem, Ask: "Close this incident? It takes no more findings; it can be opened again.",
			Fields: []view.Field{
				{Name: "verdict", Title: "Was it what it looked like?", Kind: view.Choice, Choices: []string{verdicts[incident.True], verdicts[incident.False], undecided}, Required: true, Hint: "It counts for the rules that found it."},
				noteField,
			}, Do: w.doClose,
		}, {
			Name: "reopen", Title: "Open again", On: view.OnItem, Ask: "Open this incident again? It is triaged then.", Fields: []view.Field{noteField}, Do: w.doState(incident.Triaged),
		}, {
			Name: "assign", Title: "Assign", On: view.OnItem, Ask: "Who works on it from now on?",
			Fields: []view.Field{{Name: "to", Title: "User name", Kind: view.Text, Most: 64, Hint: "Empty: nobody. me: you."}}, Do: w.doAssign,
		}, {
			Name: "note", Title: "Add a note", On: view.OnItem, Ask: "What is there to know?",
			Fields: []view.Field{{Name: "text", Title: "Note", Kind: view.Text, Lines: true, Required: true, Most: incident.MostNote, Hint: "It stands in no event."}}, Do: w.doNote,
		}, {
			Name: "verdict", Title: "Give a verdict", On: view.OnItem, Ask: "Was it what it looked like? The verdict counts for the rules that found it.",
			Fields: []view.Field{
				{Name: "verdict", Title: "Verdict", Kind: view.Choice, Choices: []string{verdicts[incident.True], verdicts[incident.False], undecided}, Required: true},
				{Name: "rule", Title: "Of one rule alone", Kind: view.Text, Hint: "The rule's id; empty: of the incident"},
			}, Do: w.doVerdict,
		}, {
			Name: "write-up", Title: "Write up", On: view.OnItem, Ask: "What was done to recover, and what is to be learned? It is added to what stands there.",
			Fields: []view.Field{
				{Name: "recovery", Title: "Recovery", Kind: view.Text, Lines: true, Most: incident.MostText},
				{Name: "lessons", Title: "Lessons learned", Kind: view.Text, Lines: true, Most: incident.MostText},
			}, Do: w.doWriteUp,
		}, {
			Name: "tag", Title: "Tag", On: view.OnItem, Ask: "Which tags does it get, and which go?",
			Fields: []view.Field{
				{Name: "add", Title: "Add", Kind: view.Text, Hint: "vpn customer-a"}, {Name: "remove", Title: "Take away", Kind: view.Text},
			}, Do: w.doTag,
		}, {
			Name: "move", Title: "Set the state", On: view.OnItem, Ask: "Set the state of this incident?",
			Fields: []view.Field{
				{Name: "state", Title: "State", Kind: view.Choice, Choices: incident.States(), Required: true},
				{Name: "assignee", Title: "Assignee", Kind: view.Text, Most: 64, Hint: "nobody: takes it away"},
				noteField,
			}, Do: w.doMove,
		},
	}
}

// actionsOn are those that make sense now.
func actionsOn(i *incident.Incident) []string {
	all := []string{"assign", "note", "verdict", "write-up", "tag"}
	if i.Merged != "" {
		return []string{"note"}
	}
	if i.State == incident.Closed {
		return append([]string{"reopen"}, all...)
	}
	if i.State == incident.Open || i.Owner == "" {
		all = append([]string{"take"}, all...)
	}
	for action, state := range map[string]string{"contain": incident.Contained, "remediate": incident.Remediated, "close": incident.Closed} {
		if slices.Contains(i.Moves(), state) {
			all = append(all, action)
		}
	}
	slices.Sort(all)
	return all
}

// version is that which somebody saw; 0: none.
func version(o view.Order) (int64, error) {
	if o.Version == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(o.Version, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: the version is none", view.ErrMalformed)
	}
	return n, nil
}

// edit changes an incident as an order says.
func (w *work) edit(ctx context.Context, o view.Order, e incident.Edit) (before, after incident.Incident, err error) {
	if e.Version, err = version(o); err != nil {
		return before, after, err
	}
	if before, err = w.incidents.Get(ctx, o.ID); err == nil {
		after, err = w.incidents.Edit(ctx, o.ID, o.Who.ID, e)
	}
	return before, after, w.failed(ctx, err)
}

// back is how a state, and an assignee, are set again as they were.
func back(before, after *incident.Incident) *view.Undo {
	state := before.State
	if !slices.Contains(after.Moves(), state) {
		state = incident.Triaged
	}
	if !slices.Contains(after.Moves(), state) {
		return nil
	}
	u := &view.Undo{View: incidentsName, Action: "move", ID: after.ID, Values: map[string]string{"state": state}}
	if before.Owner != after.Owner {
		if u.Values["assignee"] = before.Owner; before.Owner == "" {
			u.Values["assignee"] = "nobody"
		}
	}
	return u
}

func (w *work) doTake(ctx context.Context, o view.Order) (view.Done, error) {
	seen, err := version(o)
	if err != nil {
		return view.Done{}, err
	}
	before, err := w.incidents.Get(ctx, o.ID)
	if err != nil {
		return view.Done{}, w.failed(ctx, err)
	}
	after, err := w.incidents.Take(ctx, o.ID, o.Who.ID, seen)
	if err != nil {
		return view.Done{}, w.failed(ctx, err)
	}
	done := view.Done{Message: "It is yours.", Goto: view.At(incidentsName, o.ID)}
	if before.State != after.State {
		done.Undo = back(&before, &after)
	}
	return done, nil
}

func (w *work) doState(state string) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		before, after, err := w.edit(ctx, o, incident.Edit{State: state, Note: o.Values["note"]})
		if err != nil {
			return view.Done{}, err
		}
		return view.Done{Message: "It is " + after.State + ".", Undo: back(&before, &after)}, nil
	}
}

func (w *work) doClose(ctx context.Context, o view.Order) (view.Done, error) {
	e := incident.Edit{State: incident.Closed, Note: o.Values["note"]}
	if v := verdictOf(o.Values["verdict"]); v != "" {
		e.Verdict = &v
	}
	before, after, err := w.edit(ctx, o, e)
	if err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "It is closed.", Undo: back(&before, &after)}, nil
}

func (w *work) doMove(ctx context.Context, o view.Order) (view.Done, error) {
	e := incident.Edit{State: o.Values["state"], Note: o.Values["note"]}
	if who := o.Values["assignee"]; who != "" {
		id, err := w.assignee(ctx, o.Who, who)
		if err != nil {
			return view.Done{}, err
		}
		e.Owner = &id
	}
	before, after, err := w.edit(ctx, o, e)
	if err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "It is " + after.State + ".", Undo: back(&before, &after)}, nil
}

// assignee is the id of somebody as people write them.
func (w *work) assignee(ctx context.Context, by view.Person, text string) (string, error) {
	switch text {
	case "", "nobody":
		return "", nil
	case "me":
		return by.ID, nil
	}
	id, err := w.who(ctx, text)
	return id, w.failed(ctx, err)
}

func (w *work) doAssign(ctx context.Context, o view.Order) (view.Done, error) {
	id, err := w.assignee(ctx, o.Who, o.Values["to"])
	if err != nil {
		return view.Done{}, err
	}
	before, after, err := w.edit(ctx, o, incident.Edit{Owner: &id})
	if err != nil {
		return view.Done{}, err
	}
	done := view.Done{Message: "Nobody works on it now."}
	if after.Owner != "" {
		done.Message = w.names().of(ctx, after.Owner) + " works on it now."
	}
	if before.Owner != after.Owner {
		done.Undo = &view.Undo{View: incidentsName, Action: "assign", ID: o.ID, Values: map[string]string{"to": before.Owner}}
	}
	return done, nil
}

func (w *work) doNote(ctx context.Context, o view.Order) (view.Done, error) {
	if err := w.incidents.Write(ctx, o.ID, o.Who.ID, o.Values["text"]); err != nil { // notes are only added: there is nothing to overwrite
		return view.Done{}, w.failed(ctx, err)
	}
	return view.Done{Message: "The note stands there."}, nil
}

func verdictOf(word string) string {
	for v, text := range verdicts {
		if text == word {
			return v
		}
	}
	return ""
}

func (w *work) doVerdict(ctx context.Context, o view.Order) (view.Done, error) {
	v, rule := verdictOf(o.Values["verdict"]), o.Values["rule"]
	before, _, err := w.edit(ctx, o, incident.Edit{Verdict: &v, Rule: rule})
	if err != nil {
		return view.Done{}, err
	}
	done := view.Done{Message: "The verdict counts for the rule."}
	if rule == "" {
		was := undecided
		if before.Verdict != "" {
			was = verdicts[before.Verdict]
		}
		done = view.Done{Message: "The verdict counts for the rules that found it.", Undo: &view.Undo{View: incidentsName, Action: "verdict", ID: o.ID, Values: map[string]string{"verdict": was}}}
	}
	return done, nil
}

func (w *work) doWriteUp(ctx context.Context, o view.Order) (view.Done, error) {
	o.Version = "" // it is added, whatever stands there
	recovery, lessons := o.Values["recovery"], o.Values["lessons"]
	if _, _, err := w.edit(ctx, o, incident.Edit{Recovery: &recovery, Lessons: &lessons, Append: true}); err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "It stands there now."}, nil
}

func (w *work) doTag(ctx context.Context, o view.Order) (view.Done, error) {
	o.Version = "" // tags of others stay
	add, remove := strings.Fields(o.Values["add"]), strings.Fields(o.Values["remove"])
	before, after, err := w.edit(ctx, o, incident.Edit{Tag: add, Untag: remove})
	if err != nil {
		return view.Done{}, err
	}
	done := view.Done{Message: "Its tags: " + strings.Join(after.Tags, ", ") + "."}
	if len(after.Tags) == 0 {
		done.Message = "It has no tags."
	}
	lost := func(from, to []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(from), func(tag string) bool { return slices.Contains(to, tag) }), " ")
	}
	done.Undo = &view.Undo{View: incidentsName, Action: "tag", ID: o.ID, Values: map[string]string{"add": lost(before.Tags, after.Tags), "remove": lost(after.Tags, before.Tags)}}
	return done, nil
}
