package incident

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Edit is what somebody changes. What is nil or empty stays.
type Edit struct {
	Version  int64   // that they saw; where there is another one meanwhile nothing is changed. 0: they saw none
	State    string  // where it goes
	Owner    *string // who works on it; "": nobody
	Verdict  *string // True, False; "": it is open again
	Rule     string  // the verdict is of this rule's findings alone
	Recovery *string
	Lessons  *string
	Append   bool     // Recovery and Lessons come after what is there
	Tag      []string // added
	Untag    []string // taken away
	Note     string   // goes with it
	take     bool     // who does it works on it from now on, and has triaged it if nobody had
}

// Edited is one change that somebody made.
type Edited struct {
	Version int64     `json:"version"` // of the incident since then
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Field   string    `json:"field"` // state, assignee, verdict, tags, recovery, lessons, step, merged
	About   string    `json:"about,omitempty"`
	Before  string    `json:"before,omitempty"`
	After   string    `json:"after,omitempty"`
}

// Conflict is an ErrConflict: what was changed since the version that an edit saw.
type Conflict struct {
	Now   Incident
	Since []Edited
}

// Error implements error.
func (c *Conflict) Error() string {
	var all []string
	for _, e := range c.Since[max(0, len(c.Since)-10):] {
		all = append(all, e.Who+": "+e.String())
	}
	return fmt.Sprintf("%v: it is version %d now (%s)", ErrConflict, c.Now.Version, strings.Join(all, "; "))
}

// Unwrap makes it an ErrConflict.
func (c *Conflict) Unwrap() error { return ErrConflict }

// String is the change in words.
func (e Edited) String() string { return e.Words(func(id string) string { return id }) }

// Words is String with people called what name calls them.
func (e Edited) Words(name func(id string) string) string {
	if e.Field == "assignee" {
		e.Before, e.After = name(e.Before), name(e.After)
	}
	say := func(s string) string { return cmp.Or(cut(s), "nothing") }
	field := e.Field
	switch e.Field {
	case "step":
		return fmt.Sprintf("step %s %s", e.About, e.After)
	case "recovery", "lessons": // what people wrote is in no log
		return e.Field + " written"
	case "report":
		return "reported: " + e.After
	case "merged":
		return fmt.Sprintf("%s became part of it", e.About)
	case "verdict":
		if e.About != "" {
			field += " of rule " + e.About
		}
	}
	return fmt.Sprintf("%s from %s to %s", field, say(e.Before), say(e.After))
}

// cut is the beginning of a text.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// check refuses what can't be, whatever the incident is.
func (e *Edit) check() error {
	if e.State != "" {
		if _, ok := moves[e.State]; !ok {
			return fmt.Errorf("%w: a state is %s", ErrMalformed, strings.Join(States(), ", "))
		}
	}
	if e.Owner != nil && *e.Owner != "" {
		if err := CheckWho(*e.Owner); err != nil {
			return err
		}
	}
	if e.Verdict != nil && *e.Verdict != "" && *e.Verdict != True && *e.Verdict != False {
		return fmt.Errorf("%w: a verdict is true or false", ErrMalformed)
	}
	for _, text := range []*string{e.Recovery, e.Lessons} {
		if text == nil {
			continue
		}
		if *text = lines(*text); checkText(*text, MostText) != nil {
			return checkText(*text, MostText)
		}
	}
	for _, tag := range slices.Concat(e.Tag, e.Untag) {
		if err := checkTag(tag); err != nil {
			return err
		}
	}
	if e.Note = lines(e.Note); e.Note != "" {
		return checkNote(e.Note)
	}
	return nil
}

// Edit changes an incident, all of it or nothing. Errors: ErrNotFound, ErrState, ErrMalformed, ErrFull, *Conflict.
func (b *Book) Edit(ctx context.Context, id, who string, e Edit) (i Incident, err error) {
	if err := CheckWho(who); err != nil {
		return i, err
	}
	if err := e.check(); err != nil {
		return i, err
	}
	var steps []string
	var edited []Edited
	err = b.db.InTx(ctx, func(tx *database.Tx) (err error) {
		now := b.now()
		steps, edited = nil, nil
		if err := tx.Append(ctx, now, database.Change{Topic: Topic, Key: id}); err != nil { // first: writers take turns
			return err
		}
		if i, err = scan(tx.QueryRow(ctx, columns+`WHERE id = ?`, id)); err != nil {
			return err
		}
		if e.Version != 0 && e.Version != i.Version {
			return b.conflict(ctx, tx, i, e.Version)
		}
		if edited, steps, err = e.apply(ctx, tx, &i, who, now); err != nil {
			return err
		}
		for n := range edited {
			i.Version++
			edited[n].Version, edited[n].At, edited[n].Who = i.Version, now, who
			if err := logChange(ctx, tx, edited[n], id); err != nil {
				return err
			}
		}
		if e.Note != "" {
			if err := putNote(ctx, tx, id, who, e.Note, now); err != nil {
				return err
			}
		}
		return i.save(ctx, tx)
	})
	if err != nil {
		return i, fmt.Errorf("changing an incident: %w", err)
	}
	for _, step := range steps {
		b.observe(step, i.took(step))
	}
	b.tellEdited(&i, who, edited)
	return i, nil
}

func (b *Book) conflict(ctx context.Context, tx *database.Tx, i Incident, seen int64) error {
	since, err := changes(ctx, tx, i.ID, seen)
	if err != nil {
		return err
	}
	return &Conflict{i, since}
}

// apply changes i, and says what and which steps it took.
func (e *Edit) apply(ctx context.Context, tx *database.Tx, i *Incident, who string, now time.Time) (edited []Edited, steps []string, err error) {
	if e.take {
		if i.State == Closed {
			return nil, nil, fmt.Errorf("%w: it is closed", ErrState)
		}
		if e.Owner = &who; i.State == Open {
			e.State = Triaged
		}
	}
	say := func(field string, before *string, after string) {
		if *before != after {
			edited = append(edited, Edited{Field: field, Before: *before, After: after})
			*before = after
		}
	}
	if e.Owner != nil {
		say("assignee", &i.Owner, *e.Owner)
	}
	for _, one := range []struct {
		field  string
		is, to *string
	}{{"recovery", &i.Recovery, e.Recovery}, {"lessons", &i.Lessons, e.Lessons}} {
		text, err := e.text(*one.is, one.to)
		if err != nil {
			return nil, nil, err
		}
		say(one.field, one.is, text)
	}
	if tags := withTags(i.Tags, e.Tag, e.Untag); len(tags) > MostTags {
		return nil, nil, fmt.Errorf("%w: %d tags", ErrFull, MostTags)
	} else if before := strings.Join(i.Tags, " "); before != strings.Join(tags, " ") {
		edited = append(edited, Edited{Field: "tags", Before: before, After: strings.Join(tags, " ")})
		i.Tags = tags
	}
	if e.Verdict != nil && e.Rule == "" {
		say("verdict", &i.Verdict, *e.Verdict)
	} else if e.Verdict != nil {
		one, err := judge(ctx, tx, i.ID, e.Rule, *e.Verdict)
		if err != nil {
			return nil, nil, err
		}
		edited = append(edited, one)
	}
	if e.State != "" {
		before := i.State
		if steps, err = i.move(e.State, who, now); err != nil {
			return nil, nil, err
		}
		edited = append(edited, Edited{Field: "state", Before: before, After: i.State})
	}
	return edited, steps, nil
}

// text is what becomes of a text of the incident.
func (e *Edit) text(is string, to *string) (string, error) {
	switch {
	case to == nil || e.Append && *to == "":
		return is, nil
	case !e.Append || is == "":
		return *to, nil
	case len(is)+2+len(*to) > MostText:
		return "", fmt.Errorf("%w: %d bytes", ErrFull, MostText)
	}
	return is + "\n\n" + *to, nil
}

// judge says of one rule whether what it found here was so.
func judge(ctx context.Context, tx *database.Tx, id, rule, verdict string) (e Edited, err error) {
	e = Edited{Field: "verdict", About: rule, After: verdict}
	err = tx.QueryRow(ctx, `SELECT verdict FROM incident_rules WHERE incident = ? AND rule = ?`, id, rule).Scan(&e.Before)
	if errors.Is(err, sql.ErrNoRows) {
		return e, fmt.Errorf("%w: the rule found nothing of it", ErrMalformed)
	}
	if err != nil {
		return e, err
	}
	_, err = tx.Exec(ctx, `UPDATE incident_rules SET verdict = ? WHERE incident = ? AND rule = ?`, verdict, id, rule)
	return e, err
}

func withTags(all, add, remove []string) []string {
	all = slices.DeleteFunc(slices.Concat(all, add), func(tag string) bool { return slices.Contains(remove, tag) })
	slices.Sort(all)
	return slices.Compact(all)
}
