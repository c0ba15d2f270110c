package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// States of an incident, in their order.
const (
	Open       = "open"
	Triaged    = "triaged"    // somebody works on it, and knows what it is
	Contained  = "contained"  // it gets no worse
	Remediated = "remediated" // what made it possible is mended, what it broke is whole again
	Closed     = "closed"
)

// States are all of them, in their order.
func States() []string { return []string{Open, Triaged, Contained, Remediated, Closed} }

// moves are where an incident may go from where it is: on, also past a state that needed no time of its own; a step back, where it turned out to be
// worse; and from the end to the beginning of the work.
var moves = map[string][]string{
	Open:       {Triaged, Contained, Remediated, Closed},
	Triaged:    {Open, Contained, Remediated, Closed},
	Contained:  {Triaged, Remediated, Closed},
	Remediated: {Triaged, Contained, Closed},
	Closed:     {Triaged},
}

// Moves are the states that it may go to now.
func (i *Incident) Moves() []string {
	if i.Merged != "" {
		return nil
	}
	return slices.Clone(moves[i.State])
}

// ParseState reads a state's word; acknowledged is what triaged was called before.
func ParseState(word string) (string, bool) {
	if word == "acknowledged" {
		word = Triaged
	}
	_, ok := moves[word]
	return word, ok
}

// Steps of an incident, whose times observe is told.
const (
	StepOpened       = "opened"       // since the first event
	StepAcknowledged = "acknowledged" // triaged; since it was opened, as those below
	StepContained    = "contained"
	StepRemediated   = "remediated"
	StepClosed       = "closed"
)

// move has it go to another state at a time, and tells which steps it took.
func (i *Incident) move(to, who string, now time.Time) (steps []string, err error) {
	if !slices.Contains(i.Moves(), to) {
		if i.Merged != "" {
			return nil, fmt.Errorf("%w: it is part of %s", ErrState, i.Merged)
		}
		return nil, fmt.Errorf("%w: it is %s, from where it can become %s", ErrState, i.State, strings.Join(i.Moves(), ", "))
	}
	at := map[string]*time.Time{Triaged: &i.Triaged, Contained: &i.Contained, Remediated: &i.Remediated, Closed: &i.Closed}
	past := false
	for _, state := range States()[1:] { // times of states that it is not in any more are in its changes
		if past {
			*at[state] = time.Time{}
		}
		past = past || state == to
	}
	switch {
	case to == Open:
		i.Triaged = time.Time{}
	case at[to].IsZero() || to == Closed:
		*at[to] = now
		steps = append(steps, stepOf[to])
	}
	if i.Triaged.IsZero() && to != Open && to != Closed { // contained by somebody who knew what it was
		i.Triaged = now
		steps = append(steps, StepAcknowledged)
	}
	if i.State = to; to == Closed {
		i.Closer = who
	} else {
		i.Closer = ""
	}
	return steps, nil
}

var stepOf = map[string]string{Triaged: StepAcknowledged, Contained: StepContained, Remediated: StepRemediated, Closed: StepClosed}

// took is how long a step took that was taken now.
func (i *Incident) took(step string) time.Duration {
	at := map[string]time.Time{StepAcknowledged: i.Triaged, StepContained: i.Contained, StepRemediated: i.Remediated, StepClosed: i.Closed}[step]
	return max(0, at.Sub(i.Opened))
}
