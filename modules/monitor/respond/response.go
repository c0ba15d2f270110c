package respond

import (
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// States of a response.
const (
	Proposed  = "proposed"  // a person is to decide
	Held      = "held"      // so it is, since machines did enough for now
	Applying  = "applying"  // it is being done
	Applied   = "applied"   // it is in force
	Done      = "done"      // it was done, and is nothing that lasts
	Ended     = "ended"     // its time is over
	Undone    = "undone"    // by a person
	Failed    = "failed"    // it could not be done
	Dismissed = "dismissed" // a person decided against it
)

// Who decided.
const (
	ByMonitor  = "monitor" // of By: no person did
	ByRule     = "automatic"
	ByOperator = "operator"
)

// Response is something that was done, is proposed or waits.
type Response struct {
	ID       string          `json:"id"`
	Action   string          `json:"action"`
	Subject  finding.Subject `json:"subject"`
	State    string          `json:"state"`
	Mode     string          `json:"mode"` // automatic or operator
	By       string          `json:"by"`   // who applied it or decided on it last
	Rule     string          `json:"rule,omitempty"`
	Finding  string          `json:"finding,omitempty"`
	Incident string          `json:"incident,omitempty"`
	Reason   string          `json:"reason,omitempty"` // why: the rule's title, or what the operator wrote
	Detail   string          `json:"detail,omitempty"` // why it failed, was held or is proposed
	Created  time.Time       `json:"created"`
	Lasts    time.Duration   `json:"lasts,omitempty"` // nanoseconds; 0: until it is undone, or it is nothing that lasts
	Applied  time.Time       `json:"applied,omitzero"`
	Expires  time.Time       `json:"expires,omitzero"`
	Closed   time.Time       `json:"closed,omitzero"` // when it ended, was undone or dismissed
}

// Undo is the command that undoes it, "" where it is nothing that can be undone now.
func (r *Response) Undo() string {
	if r.State != Applied {
		return ""
	}
	return "convosphere response undo " + r.ID
}

// Errors.
var (
	ErrNotFound = errors.New("there is no such response")
	ErrState    = errors.New("the response is not in a state for it")
	ErrExempt   = errors.New("nothing is done to it: it is on the allowlist, a trusted proxy, this machine, or spared")
	ErrNoUndo   = errors.New("it can't be undone")
	ErrRefused  = errors.New("it could not be done")
)
