package incident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Told is what somebody reports: people see what no rule does.
type Told struct {
	Kind string // one of ToldKinds
	By   string // the id of their account
	Text string // what they saw, in their words
}

// toldKind is what reports of a kind become.
type toldKind struct {
	name, title, technique string
	own                    bool // it is about the account of who tells it
}

var toldKinds = []toldKind{
	{"account", "Somebody reports that their account is used by others", "attack.t1078", true},
	{"message", "Somebody reports an unwanted or dangerous message", "attack.t1566", false},
	{"file", "Somebody reports a dangerous file", "attack.t1204", false},
	{"person", "Somebody reports a person", "", false},
	{"data", "Somebody reports data that they should not see", "attack.t1213", false},
	{"other", "Somebody reports something", "", false},
}

// ToldKinds are what can be reported.
func ToldKinds() (all []string) {
	for _, k := range toldKinds {
		all = append(all, k.name)
	}
	return all
}

// Bounds of reports: what one person tells in an hour, and all of them.
const (
	mostToldBy  = 5
	mostToldAll = 200
	toldTime    = time.Hour
)

// ErrOften says that somebody, or all together, reported enough for now.
var ErrOften = errors.New("there were as many reports lately as there may be")

// ReportRule is what stands for a rule in what people report.
const ReportRule = "report"

// Tell keeps a report as an incident, or with that which the same person, or a rule, told of the same lately. What they write is a note; it stands in no event. Errors:
// ErrMalformed, ErrOften, ErrFull.
func (b *Book) Tell(ctx context.Context, t Told) (Incident, Change, error) {
	at := slices.IndexFunc(toldKinds, func(k toldKind) bool { return k.name == t.Kind })
	if at < 0 {
		return Incident{}, Known, fmt.Errorf("%w: a report is of one of %v", ErrMalformed, ToldKinds())
	}
	if t.Text = lines(t.Text); CheckWho(t.By) != nil || checkNote(t.Text) != nil {
		return Incident{}, Known, errors.Join(CheckWho(t.By), checkNote(t.Text))
	}
	kind, now := toldKinds[at], b.now()
	// Nothing that they write joins it to other incidents: whoever reports could else have somebody's own incident taken for another one.
	subject := finding.Subject{Kind: "reporter", ID: t.By}
	if kind.own {
		subject.Kind = finding.User
	}
	f := &finding.Finding{
		ID: finding.ID(ReportRule, []finding.Subject{subject}, rand.Text()), Kind: finding.Report, Rule: ReportRule, Title: kind.title, Level: finding.Medium,
		First: now, Last: now, Count: 1, Subjects: []finding.Subject{subject},
	}
	if kind.technique != "" {
		f.Tags = []string{kind.technique}
	}
	i, c, err := b.add(ctx, f, func(tx *database.Tx, i *Incident, now time.Time) error {
		if err := rare(ctx, tx, t.By, now); err != nil {
			return err
		}
		if err := logChange(ctx, tx, Edited{Version: i.Version, At: now, Who: t.By, Field: "report", About: t.Kind, After: kind.title}, i.ID); err != nil {
			return err
		}
		return putNote(ctx, tx, i.ID, t.By, t.Text, now)
	})
	if err != nil {
		return i, c, err
	}
	b.events.Emit(&event.Event{
		Category: category, Action: "incident-reported", Outcome: event.Success, Reason: "a person told of it", UserID: t.By,
		Fields: append(fields(&i), zap.String("gateway.report.kind", t.Kind)),
	})
	return i, c, nil
}

// rare refuses more reports than may be: a flood of them would hide others.
func rare(ctx context.Context, tx *database.Tx, by string, now time.Time) error {
	var all, own int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN who = ? THEN 1 ELSE 0 END), 0) FROM incident_changes WHERE field = 'report' AND at > ?`,
		by, database.Micros(now.Add(-toldTime))).Scan(&all, &own); err != nil {
		return err
	}
	if own >= mostToldBy || all >= mostToldAll {
		return ErrOften
	}
	return nil
}
