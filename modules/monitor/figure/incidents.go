package figure

import "time"

// InTime is how soon after its first event an attack must be found to count as detected.
const InTime = time.Hour

// Incident is what figures know of one.
type Incident struct {
	Level     string
	Reported  bool      // people told of it before a machine did
	Verdict   string    // true, false, or "": nobody has said
	First     time.Time // of its events
	Opened    time.Time
	Responded time.Time // the first response, or that somebody took it up; zero: not yet
	Closed    time.Time // zero: not yet
}

// Work is how incidents were found and worked on, of those that were opened in the time.
type Work struct {
	Opened     int64  `json:"opened"`
	ByLevel    Values `json:"by_level"`
	StillOpen  int64  `json:"still_open"`
	True       int64  `json:"true"`
	False      int64  `json:"false"`
	Unjudged   int64  `json:"unjudged"`
	FalseShare Share  `json:"false_positives"` // of what machines found and people judged
	Detection  Share  `json:"detection"`       // of what was so: machines found it in time
	Late       int64  `json:"found_late"`      // machines found it, but not in time
	Reported   int64  `json:"found_by_people"` // people told of it first
	Detect     Times  `json:"time_to_detect"`  // from the first event until it was opened; not of false ones
	Respond    Times  `json:"time_to_respond"` // from then until the first response, or until somebody took it up; not of false ones
	Close      Times  `json:"time_to_close"`   // from then until it was closed
	More       bool   `json:"more,omitempty"`  // there were more than are read: the figures are of the first ones
	Seconds    int64  `json:"in_time_seconds"` // what in time means
	Known      bool   `json:"known"`           // incidents are kept
}

// workOf sums up.
func workOf(all []Incident, more bool) Work {
	w := Work{ByLevel: Values{}, More: more, Seconds: int64(InTime / time.Second), Known: true}
	var detect, respond, close []time.Duration
	unanswered := 0
	for i := range all {
		one := &all[i]
		w.Opened++
		w.ByLevel[one.Level]++
		if one.Closed.IsZero() {
			w.StillOpen++
		} else {
			close = append(close, one.Closed.Sub(one.Opened))
		}
		w.judge(one)
		if one.Verdict == "false" {
			continue // there was nothing to detect
		}
		detect = append(detect, max(0, one.Opened.Sub(one.First)))
		if one.Responded.IsZero() {
			unanswered++
		} else {
			respond = append(respond, max(0, one.Responded.Sub(one.Opened)))
		}
	}
	w.Detect, w.Respond, w.Close = timesOf(detect, 0), timesOf(respond, unanswered), timesOf(close, int(w.StillOpen))
	return w
}

func (w *Work) judge(one *Incident) {
	switch one.Verdict {
	case "true":
		w.True++
		w.Detection.Of++
		switch {
		case one.Reported:
			w.Reported++
		case one.Opened.Sub(one.First) > InTime:
			w.Late++
		default:
			w.Detection.N++
		}
	case "false":
		w.False++
	default:
		w.Unjudged++
		return
	}
	if !one.Reported {
		w.FalseShare.Of++
		if one.Verdict == "false" {
			w.FalseShare.N++
		}
	}
}
