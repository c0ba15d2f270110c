package review

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// house is a desk over a database of its own, whose means write down what is revoked.
type house struct {
	*Desk
	t       *testing.T
	mu      sync.Mutex
	events  []*event.Event
	revoked []string
	fails   error
}

func (h *house) Emit(e *event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *house) note(what ...string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails == nil {
		h.revoked = append(h.revoked, strings.Join(what, " "))
	}
	return h.fails
}

func (h *house) RevokeRole(_ context.Context, _ By, account, role string) error {
	return h.note(account, role)
}
func (h *house) RevokeHeld(_ context.Context, _ By, id string) error { return h.note(id) }
func (h *house) RevokeGrant(_ context.Context, subject, relation, object string) error {
	return h.note(subject, relation, object)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &house{t: t}
	h.Desk = &Desk{DB: db, Events: h, Means: h, Now: func() time.Time { return noon }, Durably: func(_ context.Context, emit func()) error { emit(); return nil }}
	return h
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.DB.Exec(context.Background(), query, args...); err != nil {
		h.t.Fatal(err)
	}
}

func ago(days int) int64 { return database.Micros(noon.AddDate(0, 0, -days)) }

// account adds one that was made and last used so many days ago; used -1: never.
func (h *house) account(name, roles, kind string, made, used int, disabled int) {
	h.t.Helper()
	last := int64(0)
	if used >= 0 {
		last = ago(used)
	}
	h.exec(`INSERT INTO accounts (id, username, roles, password, disabled, created_at, password_changed_at, last_auth_at, kind) VALUES (?, ?, ?, 'x', ?, ?, 1, ?, ?)`, "ID-"+name, name, roles, disabled, ago(made), last, kind)
}

func (h *house) grant(subject, relation, object string) {
	h.t.Helper()
	h.exec(`INSERT INTO grants (object, subject, relation, kind, at, expires) VALUES (?, ?, ?, 'room', ?, 0)`, object, subject, relation, ago(5))
}

func (h *house) furnish() {
	h.t.Helper()
	h.account("ada", "admin", "person", 400, 1, 0)
	h.account("bert", "moderator,user", "person", 400, 200, 0)
	h.account("cleo", "user", "person", 400, -1, 0)
	h.account("dora", "moderator", "person", 400, 1, 1)
	h.account("newt", "user", "person", 1, -1, 0)
	h.account("robot", "user", "service", 400, 300, 0)
	h.exec(`INSERT INTO services (account, scopes, introspect) VALUES ('ID-robot', 'rooms:read', 0)`)
	h.exec(`INSERT INTO service_keys (account, kid, jwk, created_at, used_at) VALUES ('ID-robot', 'k.1', '{"secret":"JWK"}', ?, 0)`, ago(300))
	for i, t := range []struct{ made, used, ends, ended int64 }{{ago(300), ago(200), ago(-10), 0}, {ago(300), ago(1), ago(-10), 0}, {ago(300), ago(1), ago(1), 0}, {ago(300), ago(1), ago(-10), ago(2)}} {
		h.exec(`INSERT INTO tokens (id, account, kind, name, hash, scopes, created_at, expires_at, used_at, ended_at) VALUES (?, 'ID-ada', 'personal', 'my laptop', ?, 'rooms:read', ?, ?, ?, ?)`,
			fmt.Sprint("pat_", i), fmt.Sprint("HASH", i), t.made, t.ends, t.used, t.ended)
	}
	h.grant("bert", "owner", "room:a")
	h.grant("*", "viewer", "room:a")
	h.grant("gone", "member", "room:a")
	h.grant("eva@corp", "member", "room:b")
	h.grant("room:a", "parent", "file:1")
}

func (h *house) begin(kinds ...string) Review {
	h.t.Helper()
	r, err := h.Begin(context.Background(), By{ID: "ID-ada"}, Options{Title: "Autumn", Kinds: kinds, Stale: 90 * 24 * time.Hour})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) all(q Query) []Line {
	h.t.Helper()
	q.Limit = 1000
	lines, err := h.Lines(context.Background(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	return lines
}

// The snapshot has each thing that is held once, and says what of it is stale and why.
func TestSnapshot(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	r := h.begin(Kinds...)
	var got []string
	for _, l := range h.all(Query{Review: r.ID}) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s%s %s %s: %s", l.Kind, l.Name, l.Subject, l.What, l.Detail, l.Stale)))
	}
	want := []string{
		"role ada admin :", "role bert moderator : its owner has not signed in for 90 days", "user bert user : its owner has not signed in for 90 days", "user cleo user : its owner never signed in",
		"role dora moderator : the account is disabled", "user newt user :", "user robot user : its owner has not signed in for 90 days",
		"grant * viewer room:a:", "grant bert owner room:a: its owner has not signed in for 90 days", "grant gone member room:a: no account is called so", "grant eva@corp member room:b:",
		"token ada pat_0 rooms:read: it was not used for 90 days", "token ada pat_1 rooms:read:", "key robot key.ID-robot.k.1 rooms:read: it was never used",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if again, err := h.Get(t.Context(), r.ID); err != nil || again.Lines != len(want) || again.Counts.Stale != 9 || again.Undecided() != len(want) || again.Counts != r.Counts {
		t.Errorf("%+v, %v; it was %+v", again, err, r)
	}
	if lines := h.all(Query{Review: h.begin(Role).ID}); len(lines) != 3 {
		t.Errorf("%+v", lines)
	}
	for what, o := range map[string]Options{"no title": {Kinds: Kinds, Stale: 1e17}, "no kind": {Title: "x", Stale: 1e17}, "a kind that is none": {Title: "x", Kinds: []string{"x"}, Stale: 1e17}, "all is stale": {Title: "x", Kinds: Kinds}} {
		if _, err := h.Begin(t.Context(), By{}, o); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Nobody decides on their own access, on what another decided meanwhile, or in a closed review; what can't be revoked is not said to be.
func TestDecideRefuses(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	r := h.begin(Role)
	decide := func(who string, v Verdict) error {
		v.Review = cmpOr(v.Review, r.ID)
		return h.Decide(t.Context(), By{ID: who}, v)
	}
	for what, c := range map[string]struct {
		got  error
		want error
	}{
		"one's own":       {decide("ID-ada", Verdict{N: 1, Decision: Keep}), ErrOwn},
		"no line":         {decide("ID-ada", Verdict{N: 99, Decision: Keep}), ErrNotFound},
		"no review":       {decide("ID-ada", Verdict{Review: "x", N: 1, Decision: Keep}), ErrNotFound},
		"another version": {decide("ID-ada", Verdict{N: 2, Version: 7, Decision: Keep}), ErrChanged},
		"no decision":     {decide("ID-ada", Verdict{N: 2, Decision: "maybe"}), ErrMalformed},
		"a long note":     {decide("ID-ada", Verdict{N: 2, Decision: Keep, Note: strings.Repeat("x", mostText+1)}), ErrMalformed},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", what, c.got)
		}
	}
	h.fails = errors.New("the last administrator")
	if err := decide("operator", Verdict{N: 1, Decision: Revoke}); !errors.Is(err, h.fails) {
		t.Error(err)
	}
	if l, err := h.Line(t.Context(), r.ID, 1); err != nil || l.Decision != "" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := h.Sign(t.Context(), By{ID: "ID-ada"}, r.ID, 0, ""); !errors.Is(err, ErrUndecided) {
		t.Errorf("signed with lines that nobody decided on: %v", err)
	}
	if err := h.Cancel(t.Context(), By{ID: "ID-ada"}, r.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := decide("ID-ada", Verdict{N: 2, Decision: Keep}); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if _, err := h.Sign(t.Context(), By{}, r.ID, 0, ""); !errors.Is(err, ErrState) {
		t.Error(err)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// A whole review: decided, signed, and any change after is found.
func TestSignedReview(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	r := h.begin(Kinds...)
	n, err := h.KeepRest(t.Context(), By{ID: "ID-ada"}, r.ID, 0)
	if err != nil || n != 3 {
		t.Fatalf("of those that are not stale and not ada's there are 3, not %d: %v", n, err)
	}
	for _, l := range h.all(Query{Review: r.ID, Decision: Undecided}) {
		who, v := By{ID: "ID-ada"}, Verdict{Review: r.ID, N: l.N, Version: l.Version, Decision: Revoke}
		if l.Account == "ID-ada" {
			who, v.Decision = By{ID: "operator"}, Keep
		}
		if err := h.Decide(t.Context(), who, v); err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
	}
	want := "ID-bert moderator,ID-bert user,ID-cleo user,ID-dora moderator,ID-robot user,bert owner room:a,gone member room:a,key.ID-robot.k.1"
	if got := strings.Join(h.revoked, ","); got != want {
		t.Errorf("revoked %s", got)
	}
	signed, err := h.Sign(t.Context(), By{ID: "ID-ada", Session: "S"}, r.ID, 0, " All seen. ")
	if err != nil || len(signed.Digest) != 64 || signed.Statement != "All seen." || signed.Counts.Revoked != 8 {
		t.Fatal(signed, err)
	}
	last := h.events[len(h.events)-1]
	if last.Action != "review-signed" || last.UserID != "ID-ada" || last.Session != "S" {
		t.Errorf("%+v", last)
	}
	for _, e := range h.events {
		if text := fmt.Sprintf("%+v", *e); strings.Contains(text, "laptop") || strings.Contains(text, "Autumn") || strings.Contains(text, "All seen") {
			t.Errorf("an event tells a name or what somebody wrote: %s", text)
		}
	}
	verify := func() bool {
		t.Helper()
		ok, err := h.Verify(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !verify() {
		t.Fatal("what was just signed is another")
	}
	for _, change := range []string{
		`UPDATE review_lines SET note = 'x' WHERE n = 1`, `UPDATE review_lines SET by_whom = 'ID-bert' WHERE n = 2`, `DELETE FROM review_lines WHERE n = 4`, `UPDATE reviews SET statement = ''`, `UPDATE reviews SET signer = 'ID-bert'`,
	} {
		was := h.all(Query{Review: r.ID})
		h.exec(change)
		if verify() {
			t.Errorf("not found: %s", change)
		}
		if len(h.all(Query{Review: r.ID})) != len(was) {
			break // the rest would be found by that
		}
	}
	if err := h.Decide(t.Context(), By{ID: "operator"}, Verdict{Review: r.ID, N: 1, Decision: Revoke}); !errors.Is(err, ErrState) {
		t.Errorf("a signed review is changed: %v", err)
	}
}

// Erasing a person leaves no name, and the signature holds.
func TestErasedPeopleInReviews(t *testing.T) {
	h := newHouse(t)
	h.account("bert", "moderator", "person", 10, 1, 0)
	r := h.begin(Role)
	if err := h.Decide(t.Context(), By{ID: "operator"}, Verdict{Review: r.ID, N: 1, Decision: Keep, Note: "on call"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Sign(t.Context(), By{ID: "operator"}, r.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	h.exec(`DELETE FROM accounts WHERE id = 'ID-bert'`)
	if ok, err := h.Verify(t.Context(), r.ID); err != nil || !ok {
		t.Error(ok, err)
	}
	if l := h.all(Query{Review: r.ID})[0]; l.Name != "" || l.Account != "ID-bert" {
		t.Errorf("%+v", l)
	}
}

// Of two who decide on a line at once one is told that the other was first.
func TestReviewersAtOnce(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	r := h.begin(Role)
	const reviewers = 8
	errs := make(chan error, reviewers)
	for i := range reviewers {
		go func() {
			errs <- h.Decide(context.Background(), By{ID: fmt.Sprint("R", i)}, Verdict{Review: r.ID, N: 1, Version: 1, Decision: Keep, Note: fmt.Sprint(i)})
		}()
	}
	won := 0
	for range reviewers {
		switch err := <-errs; {
		case err == nil:
			won++
		case !errors.Is(err, ErrChanged):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d were first", won)
	}
}

// A line of another reviewer's keep can be taken back; a revoked one can't.
func TestTakeBack(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	r := h.begin(Role)
	for _, d := range []string{Keep, "", Keep, Revoke} {
		if err := h.Decide(t.Context(), By{ID: "operator"}, Verdict{Review: r.ID, N: 2, Decision: d}); err != nil {
			t.Fatal(d, err)
		}
	}
	if err := h.Decide(t.Context(), By{ID: "operator"}, Verdict{Review: r.ID, N: 2, Decision: ""}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if r, err := h.Get(t.Context(), r.ID); err != nil || r.Counts.Kept != 0 || r.Counts.Revoked != 1 {
		t.Error(r, err)
	}
}

// What somebody calls themselves, or writes, does not run in the report or the spreadsheet.
func TestReportsQuote(t *testing.T) {
	h := newHouse(t)
	h.account("bert", "moderator", "person", 10, 1, 0)
	h.grant("@evil", "=HYPERLINK(1)", "room:<script>alert(1)</script>")
	r := h.begin(Role, Grant)
	if err := h.Decide(t.Context(), By{ID: "operator"}, Verdict{Review: r.ID, N: 1, Decision: Keep, Note: "=1+1 <img src=x>"}); err != nil {
		t.Fatal(err)
	}
	var page, sheet strings.Builder
	if err := errors.Join(h.Report(t.Context(), r.ID, "html", &page), h.Report(t.Context(), r.ID, "csv", &sheet)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "<img") {
		t.Error("text is taken for a page")
	}
	for _, formula := range []string{",=", ",@", ",+"} {
		if strings.Contains(sheet.String(), formula) {
			t.Errorf("%s in\n%s", formula, sheet.String())
		}
	}
	if err := h.Report(t.Context(), r.ID, "pdf", &page); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if err := h.Report(t.Context(), "nothing", "html", &page); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
