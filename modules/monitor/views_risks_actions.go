package monitor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/review/risk"
)

func (a *App) riskActions() []view.Action {
	note := view.Field{Name: "note", Title: "Note", Kind: view.Text, Lines: true, Most: 2000}
	why := note
	why.Title, why.Required = "Why", true
	likelihood := view.Field{Name: "likelihood", Title: "Likelihood (1 rare to 5 almost certain)", Kind: view.Choice, Choices: fiveWords, Required: true}
	impact := view.Field{Name: "impact", Title: "Impact (1 hardly felt to 5 grave)", Kind: view.Choice, Choices: fiveWords, Required: true}
	return []view.Action{
		{
			Name: "add", Title: "Write a risk down", On: view.OnView, Ask: "Write this risk down?", Do: a.addRisk,
			Fields: []view.Field{{Name: "title", Title: "Risk", Kind: view.Text, Required: true, Most: 300}, {Name: "detail", Title: "What it is", Kind: view.Text, Lines: true, Most: 2000}, likelihood, impact},
		},
		{Name: "look", Title: "Look now", On: view.OnView, Ask: "Look for risks now? The gateway does so every 15 minutes.", Do: a.lookForRisks},
		{Name: "assess", Title: "Assess", On: view.OnItem, Ask: "How likely is it, and how grave would it be?", Fields: []view.Field{likelihood, impact, note}, Do: a.assessRisk},
		{
			Name: "assign", Title: "Assign", On: view.OnItem, Ask: "Who sees to it?", Do: a.assignRisk,
			Fields: []view.Field{{Name: "owner", Title: "Owner", Kind: view.Text, Hint: "a name; nothing: nobody", Most: 64}, note},
		},
		{
			Name: "treat", Title: "Treat", On: view.OnItem, Ask: "What is done about it, and until when?", Do: a.treatRisk,
			Fields: []view.Field{
				{Name: "treatment", Title: "Treatment", Kind: view.Choice, Choices: []string{risk.Mitigate, risk.Transfer, risk.Avoid}, Default: risk.Mitigate, Required: true},
				{Name: "due", Title: "Due", Kind: view.Time, Hint: "2026-12-31"}, note,
			},
		},
		{
			Name: "accept", Title: "Accept", On: view.OnItem, Permission: view.Admin, Danger: true, Ask: "Live with this risk until that day?", Do: a.acceptRisk,
			Fields: []view.Field{{Name: "until", Title: "Until", Kind: view.Time, Required: true, Hint: "2026-12-31"}, why},
		},
		{
			Name: "note", Title: "Add a note", On: view.OnItem, Ask: "Add this note?", Fields: []view.Field{why},
			Do: func(ctx context.Context, o view.Order) (view.Done, error) {
				return a.editRisk(ctx, o, risk.Edit{}, "The note is kept.", nil)
			},
		},
		{Name: "close", Title: "Close", On: view.OnItem, Ask: "Is this risk gone?", Fields: []view.Field{note}, Do: a.closeRisk},
		{Name: "reopen", Title: "Open again", On: view.OnItem, Ask: "Is this risk back?", Fields: []view.Field{note}, Do: a.reopenRisk},
	}
}

func riskBy(o view.Order) risk.By { return risk.By{ID: o.Who.ID, Session: o.Who.Session} }

func (a *App) addRisk(ctx context.Context, o view.Order) (view.Done, error) {
	likelihood, _ := strconv.Atoi(o.Values["likelihood"]) // one of the choices
	impact, _ := strconv.Atoi(o.Values["impact"])
	r, err := a.register.Add(ctx, riskBy(o), o.Values["title"], o.Values["detail"], likelihood, impact)
	if err != nil {
		return view.Done{}, riskError(err)
	}
	return view.Done{Message: "The risk is written down.", Goto: "risks/" + r.ID, Undo: &view.Undo{View: "risks", Action: "close", ID: r.ID}}, nil
}

func (a *App) lookForRisks(ctx context.Context, _ view.Order) (view.Done, error) {
	if err := a.feedRisks(ctx); err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "The register is as things are now."}, nil
}

// editRisk does one edit. undo gives the values of the action that takes it back, of the risk as it was; nil: nothing does.
func (a *App) editRisk(ctx context.Context, o view.Order, e risk.Edit, message string, undo func(was risk.Risk) *view.Undo) (view.Done, error) {
	was, err := a.register.Get(ctx, o.ID)
	if err != nil {
		return view.Done{}, riskError(err)
	}
	e.Version, e.Note = versionOf(o), o.Values["note"]
	if _, err := a.register.Edit(ctx, riskBy(o), o.ID, e); err != nil {
		return view.Done{}, riskError(err)
	}
	done := view.Done{Message: message}
	if undo != nil {
		done.Undo = undo(was)
	}
	return done, nil
}

func (a *App) assessRisk(ctx context.Context, o view.Order) (view.Done, error) {
	likelihood, _ := strconv.Atoi(o.Values["likelihood"]) // one of the choices
	impact, _ := strconv.Atoi(o.Values["impact"])
	return a.editRisk(ctx, o, risk.Edit{Likelihood: &likelihood, Impact: &impact}, fmt.Sprintf("Its score is %d.", likelihood*impact), func(was risk.Risk) *view.Undo {
		return &view.Undo{View: "risks", Action: "assess", ID: was.ID, Values: map[string]string{"likelihood": strconv.Itoa(was.Likelihood), "impact": strconv.Itoa(was.Impact)}}
	})
}

func (a *App) assignRisk(ctx context.Context, o view.Order) (view.Done, error) {
	owner, err := a.ownerOf(ctx, o.Values["owner"])
	if err != nil {
		return view.Done{}, err
	}
	if owner == "-" {
		owner = ""
	}
	return a.editRisk(ctx, o, risk.Edit{Owner: &owner}, "It has another owner.", func(was risk.Risk) *view.Undo {
		return &view.Undo{View: "risks", Action: "assign", ID: was.ID, Values: map[string]string{"owner": was.Owner}}
	})
}

func (a *App) treatRisk(ctx context.Context, o view.Order) (view.Done, error) {
	treatment := o.Values["treatment"]
	due, err := futureDay(o.Values["due"])
	if err != nil {
		return view.Done{}, err
	}
	return a.editRisk(ctx, o, risk.Edit{Treatment: &treatment, Due: &due}, "It is treated: "+treatment+".", undoTreatment)
}

func (a *App) acceptRisk(ctx context.Context, o view.Order) (view.Done, error) {
	treatment := risk.Accept
	end, err := futureDay(o.Values["until"])
	if err != nil {
		return view.Done{}, err
	}
	return a.editRisk(ctx, o, risk.Edit{Treatment: &treatment, Accepted: &end}, "It is accepted until "+end.Format(time.DateOnly)+".", undoTreatment)
}

// undoTreatment goes back to what was done before, where something was.
func undoTreatment(was risk.Risk) *view.Undo {
	if was.Treatment == risk.Undecided || was.Treatment == risk.Accept {
		return nil
	}
	values := map[string]string{"treatment": was.Treatment}
	if !was.Due.IsZero() {
		values["due"] = was.Due.Format(time.RFC3339Nano)
	}
	return &view.Undo{View: "risks", Action: "treat", ID: was.ID, Values: values}
}

func (a *App) closeRisk(ctx context.Context, o view.Order) (view.Done, error) {
	if err := a.register.Close(ctx, riskBy(o), o.ID, versionOf(o), o.Values["note"]); err != nil {
		return view.Done{}, riskError(err)
	}
	return view.Done{Message: "The risk is closed.", Undo: &view.Undo{View: "risks", Action: "reopen", ID: o.ID}}, nil
}

func (a *App) reopenRisk(ctx context.Context, o view.Order) (view.Done, error) {
	if err := a.register.Reopen(ctx, riskBy(o), o.ID, versionOf(o), o.Values["note"]); err != nil {
		return view.Done{}, riskError(err)
	}
	return view.Done{Message: "The risk is open again.", Undo: &view.Undo{View: "risks", Action: "close", ID: o.ID}}, nil
}
