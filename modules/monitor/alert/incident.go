package alert

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Incident is what people are told of. Title is the rule's; Subjects may hold what clients chose.
type Incident struct {
	ID           string            `json:"id"`
	Title        string            `json:"title"`
	Level        finding.Level     `json:"level"`
	First        time.Time         `json:"first"`
	Last         time.Time         `json:"last"`
	Findings     int               `json:"findings"`
	Subjects     []finding.Subject `json:"subjects,omitempty"`
	Closed       bool              `json:"closed,omitempty"`
	Acknowledged bool              `json:"-"`
	Merged       bool              `json:"-"` // it became part of another
}

// mostSubjects bounds what an alert names of an incident.
const mostSubjects = 10

// Book is where incidents are to be asked for.
type Book interface {
	// Incident gives one as it is now; ok is false where there is none.
	Incident(ctx context.Context, id string) (i Incident, ok bool, err error)
}
