package policy

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// pastDecision is what of a decision's event matters here.
type pastDecision struct {
	Action         string          `json:"event.action"`
	Reason         string          `json:"event.reason"`
	Request        string          `json:"http.request.id"`
	Method         string          `json:"http.request.method"`
	Host           string          `json:"url.domain"`
	Path           string          `json:"url.path"`
	Route          string          `json:"gateway.route"`
	Subject        string          `json:"user.id"`
	Roles          []string        `json:"user.roles"`
	IP             string          `json:"source.ip"`
	ID             string          `json:"gateway.decision.id"`
	Allow          bool            `json:"gateway.decision.allow"`
	Rule           string          `json:"gateway.decision.rule"`
	Revision       string          `json:"gateway.decision.revision"`
	Permission     string          `json:"gateway.decision.permission"`
	Classification string          `json:"gateway.decision.classification"`
	Fields         string          `json:"gateway.decision.fields"`
	Resource       string          `json:"gateway.decision.resource"`
	Parent         string          `json:"gateway.decision.parent"`
	MessageType    string          `json:"gateway.decision.message_type"`
	Direction      string          `json:"gateway.decision.message_direction"`
	BreakGlass     bool            `json:"gateway.decision.break_glass"`
	Digest         string          `json:"gateway.decision.input_digest"`
	Input          json.RawMessage `json:"gateway.decision.input"`
	Erased         []string        `json:"gateway.decision.erased"`
	Masked         []string        `json:"gateway.decision.masked"`
}

// mostPast bounds how many decisions of one request are explained: a socket's may be many.
const mostPast = 20

// explainEvents finds the decisions that the events tell of, and explains each.
func (f *explainFlags) explainEvents(cmd *cobra.Command, names []string) ([]explained, error) {
	if len(names) == 0 {
		return nil, errors.New("name the files of events, or their folder (events in the gateway's data folder)")
	}
	past, more, err := f.find(cmd, names)
	if err != nil {
		return nil, err
	}
	if len(past) == 0 {
		return nil, fmt.Errorf("no decision with the id %q, nor one of a request with it, is in these events", f.event)
	}
	if more > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %d more decisions of that request are left out\n", more)
	}
	var list []explained
	for i := range past {
		x, err := f.explainPast(cmd, &past[i])
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

func (f *explainFlags) find(cmd *cobra.Command, names []string) (past []pastDecision, more int, err error) {
	for _, name := range names {
		_, err := eventfile.Read(name, cmd.InOrStdin(), func(line []byte) bool {
			var p pastDecision
			if json.Unmarshal(line, &p) != nil {
				return false
			}
			switch {
			case p.Action != decisionlog.Action, p.Request != f.event && p.ID != f.event:
			case len(past) == mostPast:
				more++
			default:
				past = append(past, p)
			}
			return true
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return past, more, nil
}

// explainPast explains a decision again: from its input, where the event has it, else by the running gateway, which makes the input again from what
// the event says, the account, and what is granted now.
func (f *explainFlags) explainPast(cmd *cobra.Command, p *pastDecision) (x explained, err error) {
	if p.Input != nil {
		list, err := f.explainInput(cmd, "the event", p.Input)
		if err != nil {
			return x, err
		}
		x = list[0]
	} else {
		list, err := f.ask(cmd, p.question(f.who))
		if err != nil {
			return x, err
		}
		if len(list) != 1 {
			return x, fmt.Errorf("the gateway gives %d answers", len(list))
		}
		x = list[0]
	}
	x.Then = p.then(x.Digest)
	return x, nil
}

// question asks for the decision again: from its input, where the event has it, else from what the event tells and what w adds.
func (p *pastDecision) question(w who) *question {
	if p.Input != nil {
		return &question{Input: p.Input, Who: w}
	}
	w.Name, w.Subject, w.Roles, w.IP, w.BreakGlass = "", p.Subject, p.Roles, p.IP, p.BreakGlass
	asked := &askedPast{
		Method: p.Method, Path: p.Path, Route: p.Route, Host: p.Host, Permission: p.Permission, Classification: p.Classification, Fields: p.Fields,
		Resource: p.Resource, Parent: p.Parent,
	}
	if p.MessageType != "" || p.Direction != "" {
		asked.Message = &engine.Message{Type: p.MessageType, Direction: p.Direction}
	}
	return &question{Past: asked, Who: w}
}

// then is what was decided, beside a decision from an input of that digest.
func (p *pastDecision) then(digest string) *then {
	return &then{
		ID: p.ID, Allow: p.Allow, Reason: p.Reason, Rule: p.Rule, Revision: p.Revision, Same: p.Digest != "" && p.Digest == digest,
		Hidden: append(append([]string{}, p.Erased...), p.Masked...),
	}
}
