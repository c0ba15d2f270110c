package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/review"
)

func (a *App) reviewsView() view.View {
	flag := func(name, title, ask string) view.Field {
		return view.Field{Name: name, Title: title, Kind: view.Flag, Default: ask}
	}
	return view.View{
		Name: "reviews", Title: "Access reviews", Group: view.Proof, Rank: 40, Newest: true,
		Permission: view.Admin,
		About:      "Who held which role, grant, token and key at one moment, what of it is stale, and an administrator's word on each, signed at the end.",
		Filters:    []view.Filter{{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{review.Open, review.Signed, review.Cancelled}}},
		Columns: []view.Column{
			{Name: "title", Title: "Review", Kind: view.Text},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state"},
			{Name: "begun", Title: "Snapshot of", Kind: view.Time},
			{Name: "due", Title: "Due", Kind: view.Time},
			{Name: "lines", Title: "Lines", Kind: view.Number},
			{Name: "undecided", Title: "Undecided", Kind: view.Number},
			{Name: "revoked", Title: "Revoked", Kind: view.Number},
			{Name: "stale", Title: "Stale", Kind: view.Number},
			{Name: "signed", Title: "Signed", Kind: view.Time, Less: true},
			{Name: "id", Title: "Id", Kind: view.ID, Link: "reviews"},
		},
		Rows: a.reviewRows, Item: a.reviewItem,
		Documents: []view.Document{{
			Name: "report", Title: "Report for print", Kind: "text/html", File: func(id string) string { return "access-review-" + id + ".html" },
			Make: func(ctx context.Context, id string, w io.Writer) error {
				return reviewError(a.reviews.Report(ctx, id, "html", w))
			},
		}},
		Actions: []view.Action{
			{
				Name: "begin", Title: "Begin a review", On: view.OnView, Permission: view.Admin, Ask: "Take a snapshot of who holds what now?", Do: a.beginReview,
				Fields: []view.Field{
					{Name: "title", Title: "Title", Kind: view.Text, Required: true, Hint: "Quarter 4 of 2026", Most: 200},
					{Name: "due", Title: "Due", Kind: view.Time, Hint: "2026-12-31"},
					{Name: "stale", Title: "Stale after so long without use", Kind: view.Duration, Default: "2160h", Hint: "2160h are 90 days"},
					flag("role", "Roles other than user", "true"), flag("token", "Personal tokens", "true"), flag("key", "Keys of services", "true"),
					flag("grant", "Grants", "false"), flag("user", "The role user", "false"),
				},
			},
			{
				Name: "keep-rest", Title: "Keep the rest", On: view.OnItem, Permission: view.Admin, Do: a.keepRest,
				Ask: "Keep all lines that nobody decided on, but those that are stale and your own?",
			},
			{
				Name: "sign", Title: "Sign the review", On: view.OnItem, Permission: view.Admin, Ask: "Sign this review? It can't be changed after, and your name and its fingerprint are recorded.", Do: a.signReview,
				Fields: []view.Field{{Name: "statement", Title: "Statement", Kind: view.Text, Lines: true, Most: 2000}},
			},
			{
				Name: "cancel", Title: "Cancel the review", On: view.OnItem, Permission: view.Admin, Danger: true, Ask: "Close this review without a signature? What was revoked stays revoked.",
				Do: func(ctx context.Context, o view.Order) (view.Done, error) {
					return view.Done{Message: "The review is cancelled."}, reviewError(a.reviews.Cancel(ctx, by(o), o.ID, versionOf(o)))
				},
			},
		},
	}
}

func by(o view.Order) review.By { return review.By{ID: o.Who.ID, Session: o.Who.Session} }

// versionOf is what who ordered it saw; 0 nothing.
func versionOf(o view.Order) int64 {
	n, err := strconv.ParseInt(o.Version, 10, 64)
	if err != nil && o.Version != "" {
		return -1 // nobody's
	}
	return n
}

// reviewError says what may be shown.
func reviewError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, review.ErrNotFound):
		return view.ErrNotFound
	case errors.Is(err, review.ErrChanged):
		return view.ErrConflict
	case errors.Is(err, review.ErrMalformed), errors.Is(err, review.ErrMany), errors.Is(err, review.ErrState), errors.Is(err, review.ErrOwn), errors.Is(err, review.ErrUndecided):
		return fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	return err
}

// cellTime is a time's cell.
func cellTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

const mostReviews = 200 // of a page: a gateway has a few a year

func (a *App) reviewRows(ctx context.Context, q view.Query) (view.Page, error) {
	all, err := a.reviews.List(ctx, q.Value("state"), min(q.Limit, mostReviews))
	if err != nil {
		return view.Page{}, reviewError(err)
	}
	page := view.Page{Total: -1}
	for _, r := range all {
		page.Rows = append(page.Rows, view.Row{ID: r.ID, Tone: reviewTone(r, q.Now()), Cells: []any{
			r.Title, r.State, r.At, cellTime(r.Due), int64(r.Lines), int64(r.Undecided()), int64(r.Counts.Revoked), int64(r.Counts.Stale), cellTime(r.Closed), r.ID,
		}})
	}
	return page, nil
}

func reviewTone(r review.Review, now time.Time) view.Tone {
	switch {
	case r.State == review.Signed:
		return view.Good
	case r.State == review.Cancelled:
		return view.Muted
	case !r.Due.IsZero() && r.Due.Before(now):
		return view.Bad
	}
	return view.Plain
}

func (a *App) reviewItem(ctx context.Context, id string) (view.Item, error) {
	r, err := a.reviews.Get(ctx, id)
	if err != nil {
		return view.Item{}, reviewError(err)
	}
	names, err := a.reviews.Names(ctx, r.By, r.Signer)
	if err != nil {
		return view.Item{}, err
	}
	count := func(name string, n int, more string, tone view.Tone) view.Fact {
		f := view.Fact{Name: name, Value: int64(n), Kind: view.Number, Link: "review-lines?review=" + r.ID + more}
		if n > 0 {
			f.Tone = tone
		}
		return f
	}
	item := view.Item{Title: r.Title, State: r.State, Tone: reviewTone(r, time.Now()), Version: strconv.FormatInt(r.Version, 10), Actions: []string{}}
	if r.State == review.Open {
		item.Actions = []string{"keep-rest", "sign", "cancel"}
	}
	item.Sections = []view.Section{
		{Title: "Lines", Facts: []view.Fact{
			count("All", r.Lines, "", view.Plain), count("Undecided", r.Undecided(), "&decision=undecided", view.Warn), count("Stale", r.Counts.Stale, "&stale=true", view.Warn),
			count("Kept", r.Counts.Kept, "&decision=keep", view.Plain), count("Revoked", r.Counts.Revoked, "&decision=revoke", view.Plain),
		}},
		{Title: "Review", Facts: []view.Fact{
			{Name: "Snapshot of", Value: r.At, Kind: view.Time}, {Name: "Begun by", Value: personName(r.By, names), Kind: view.Text},
			{Name: "Due", Value: cellTime(r.Due), Kind: view.Time}, {Name: "Of", Value: r.Kinds, Kind: view.Texts},
			{Name: "Stale after", Value: r.Stale, Kind: view.Duration},
		}},
	}
	if r.State != review.Signed {
		return item, nil
	}
	ok, err := a.reviews.Verify(ctx, id)
	if err != nil {
		return view.Item{}, reviewError(err)
	}
	same := view.Fact{Name: "As it was signed", Value: "yes", Kind: view.State, Tone: view.Good}
	if !ok {
		same.Value, same.Tone = "no: it was changed after", view.Bad
	}
	item.Sections = append(item.Sections, view.Section{Title: "Signature", Facts: []view.Fact{
		same, {Name: "Signed", Value: r.Closed, Kind: view.Time}, {Name: "By", Value: personName(r.Signer, names), Kind: view.Text},
		{Name: "Fingerprint (SHA-256)", Value: r.Digest, Kind: view.Code}, {Name: "Statement", Value: r.Statement, Kind: view.Text},
		{Name: "In the events", Value: "Show", Kind: view.Text, Link: "events?action=review-signed"},
	}})
	return item, nil
}

// personName is the name of an account that there is, else what stands for who it was.
func personName(id string, names map[string]string) string {
	switch {
	case names[id] != "":
		return names[id]
	case len(id) == 26: // an account's
		return "erased (" + id[:6] + "…)"
	}
	return id
}

func (a *App) beginReview(ctx context.Context, o view.Order) (view.Done, error) {
	opt := review.Options{Title: o.Values["title"]}
	for _, k := range review.Kinds {
		if o.Values[k] == "true" {
			opt.Kinds = append(opt.Kinds, k)
		}
	}
	var err error
	if opt.Stale, err = time.ParseDuration(o.Values["stale"]); err != nil {
		return view.Done{}, fmt.Errorf("%w: stale is a time as 2160h", view.ErrMalformed)
	}
	if opt.Due, err = futureDay(o.Values["due"]); err != nil {
		return view.Done{}, err
	}
	r, err := a.reviews.Begin(ctx, by(o), opt)
	if err != nil {
		return view.Done{}, reviewError(err)
	}
	return view.Done{Message: fmt.Sprintf("The review has %d lines.", r.Lines), Goto: "reviews/" + r.ID}, nil
}

// futureDay reads a day or moment that an action names; zero where it names none.
func futureDay(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err = time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return t, fmt.Errorf("%w: it is a day as 2026-12-31", view.ErrMalformed)
}

func (a *App) keepRest(ctx context.Context, o view.Order) (view.Done, error) {
	n, err := a.reviews.KeepRest(ctx, by(o), o.ID, versionOf(o))
	if err != nil {
		return view.Done{}, reviewError(err)
	}
	return view.Done{Message: fmt.Sprintf("%d lines are kept.", n)}, nil
}

func (a *App) signReview(ctx context.Context, o view.Order) (view.Done, error) {
	r, err := a.reviews.Sign(ctx, by(o), o.ID, versionOf(o), o.Values["statement"])
	if err != nil {
		return view.Done{}, reviewError(err)
	}
	return view.Done{Message: "The review is signed: " + strings.ToUpper(r.Digest[:12]) + "…"}, nil
}
