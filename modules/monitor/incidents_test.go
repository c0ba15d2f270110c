package monitor

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/test/stop"
)

// worked is a gateway with one incident, and somebody who works on it.
type worked struct {
	t    *testing.T
	app  *App
	id   string
	ada  view.Person
	eve  string
	sock string
}

func newWorked(t *testing.T, config map[string]any) *worked {
	t.Helper()
	dir := t.TempDir()
	stop.After(t)
	sock := filepath.Join(dir, "admin.sock")
	config["respond"] = map[string]any{"mode": "off"}
	raw := caddyconfig.JSON(map[string]any{
		"admin": map[string]any{"listen": "unix/" + sock, "config": map[string]any{"persist": false}},
		"apps":  map[string]any{"gateway": map[string]any{"data_dir": dir, "monitor": config}},
	}, nil)
	if err := caddy.Load(raw, true); err != nil {
		t.Fatal(err)
	}
	a, err := caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		t.Fatal(err)
	}
	w := &worked{t: t, app: a.(*App), sock: "unix/" + sock}
	accounts, err := caddy.ActiveContext().App("gw_identity")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "eve"} {
		one, _, err := accounts.(interface {
			AddAccount(ctx context.Context, by lifecycle.Operator, name, email string, roles []string) (account.Account, string, error)
		}).AddAccount(t.Context(), lifecycle.Operator{}, name, "", []string{"moderator"})
		if err != nil {
			t.Fatal(err)
		}
		if name == "ada" {
			w.ada = view.Person{ID: one.ID, Name: name}
		} else {
			w.eve = one.ID
		}
	}
	w.find("f1", finding.Subject{Kind: finding.Client, ID: "192.0.2.7"})
	w.id = w.rows("state=open")[0].ID
	return w
}

func (w *worked) find(id string, subjects ...finding.Subject) {
	now := time.Now()
	w.app.take(context.Background(), &finding.Finding{
		ID: id, Kind: finding.Match, Rule: "rule-" + id, Title: "Guessing <b>" + id, Level: finding.High, First: now.Add(-time.Minute), Last: now, Count: 3, Subjects: subjects,
		Tags: []string{"attack.t1110.003"}, Events: []string{"event-" + id},
	})
}

func (w *worked) view(name string) *view.View {
	w.t.Helper()
	v, ok := w.app.ground.Views.Get(name)
	if !ok {
		w.t.Fatalf("there is no view %s", name)
	}
	return v
}

func (w *worked) ask(name, query string) (view.Page, error) {
	w.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		w.t.Fatal(err)
	}
	v := w.view(name)
	q, err := v.Ask(values, w.ada, time.Now())
	if err != nil {
		return view.Page{}, err
	}
	return v.Rows(w.t.Context(), q)
}

func (w *worked) rows(query string) []view.Row {
	w.t.Helper()
	page, err := w.ask("incidents", query)
	if err != nil {
		w.t.Fatal(query, err)
	}
	return page.Rows
}

func (w *worked) item() view.Item {
	w.t.Helper()
	i, err := w.view("incidents").Item(w.t.Context(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

func (w *worked) do(name, action, id, version string, values map[string]string) (view.Done, error) {
	w.t.Helper()
	a, ok := w.view(name).Action(action)
	if !ok {
		w.t.Fatalf("there is no action %s", action)
	}
	o, err := a.Order(w.ada, id, version, values, time.Now())
	if err != nil {
		return view.Done{}, err
	}
	return a.Do(w.t.Context(), o)
}

// An incident is worked on from its page, from the first look to the end, and each step can be taken back.
func TestWorkFromPages(t *testing.T) {
	w := newWorked(t, map[string]any{})
	item := w.item()
	if item.State != incident.Open || item.Version != "1" || !slices.Contains(item.Actions, "take") || slices.Contains(item.Actions, "reopen") {
		t.Fatalf("%+v", item)
	}
	state := incident.Open
	for _, c := range []struct {
		action string
		values map[string]string
		state  string
	}{
		{"take", nil, incident.Triaged},
		{"contain", map[string]string{"note": "Banned."}, incident.Contained},
		{"remediate", nil, incident.Remediated},
		{"close", map[string]string{"verdict": "true positive"}, incident.Closed},
	} {
		done, err := w.do("incidents", c.action, w.id, w.item().Version, c.values)
		if err != nil {
			t.Fatal(c.action, err)
		}
		if got := w.item().State; got != c.state {
			t.Fatalf("%s: %s", c.action, got)
		}
		if done.Undo == nil {
			t.Fatalf("%s can't be undone", c.action)
		}
		if _, err := w.do(done.Undo.View, done.Undo.Action, w.id, "", done.Undo.Values); err != nil {
			t.Fatal(c.action, "undone:", err)
		}
		if got := w.item().State; got != state && c.action != "close" {
			t.Errorf("%s undone: %s", c.action, got)
		}
		if _, err := w.do("incidents", "move", w.id, "", map[string]string{"state": c.state}); err != nil && w.item().State != c.state {
			t.Fatal(err)
		}
		state = c.state
	}
	for _, c := range []struct {
		action string
		values map[string]string
	}{
		{"reopen", nil}, {"note", map[string]string{"text": "Two lines\r\nof it"}}, {"tag", map[string]string{"add": "vpn customer-a"}}, {"write-up", map[string]string{"lessons": "Limit logins."}},
		{"write-up", map[string]string{"lessons": "Tell people."}}, {"verdict", map[string]string{"verdict": "false positive", "rule": "rule-f1"}}, {"assign", map[string]string{"to": "eve"}},
	} {
		if _, err := w.do("incidents", c.action, w.id, "", c.values); err != nil {
			t.Errorf("%s: %v", c.action, err)
		}
	}
	if rows := w.rows("assignee=eve&tag=vpn&verdict=true+positive&technique=t1110&subject=client:192.0.2.7&text=two+lines&state=active&level=high&source=detection&rule=rule-f1&sort=-level"); len(rows) != 1 {
		t.Error(rows)
	}
	if rows := w.rows("assignee=nobody"); len(rows) != 0 {
		t.Error(rows)
	}
	var page bytes.Buffer
	d, ok := w.view("incidents").Document("report")
	if !ok {
		t.Fatal("no report")
	}
	if err := d.Make(t.Context(), w.id, &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Guessing &lt;b&gt;f1", "Limit logins.\n\nTell people.", "Two lines\nof it", "T1110.003", "event-f1", "Checklist: Passwords are guessed"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the report says nothing of %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "<b>"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the report has %s", never)
		}
	}
	panels, err := w.view("incidents").Panels(t.Context(), view.Query{})
	if err != nil || len(panels) != 4 || panels[3].Tile.Value != int64(1) {
		t.Errorf("%+v, %v", panels, err)
	}
}

// Who acts on what somebody changed meanwhile is told what they changed.
func TestPageConflict(t *testing.T) {
	w := newWorked(t, map[string]any{})
	if _, err := w.do("incidents", "assign", w.id, "1", map[string]string{"to": "eve"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.do("incidents", "close", w.id, "1", map[string]string{"verdict": "undecided"})
	var c *view.Conflict
	if !errors.As(err, &c) || !errors.Is(err, view.ErrConflict) || len(c.Since) != 1 || c.Since[0].Title != "assignee from nothing to eve" || c.Since[0].Who != "ada" {
		t.Errorf("%+v, %v", c, err)
	}
	for name, c := range map[string]struct {
		action, version string
		values          map[string]string
		want            error
	}{
		"no state for it": {"move", "", map[string]string{"state": "open"}, view.ErrRefused},
		"version":         {"contain", "x", nil, view.ErrMalformed},
		"name":            {"assign", "", map[string]string{"to": "Ada Lovelace"}, view.ErrMalformed},
		"rule":            {"verdict", "", map[string]string{"verdict": "undecided", "rule": "none"}, view.ErrMalformed},
	} {
		if _, err := w.do("incidents", c.action, w.id, c.version, c.values); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.do("incidents", "take", "NONE", "", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
	for _, query := range []string{"technique=x", "subject=x", "level=huge", "assignee=Ada+Lovelace", "state=asleep"} {
		if _, err := w.ask("incidents", query); !errors.Is(err, view.ErrMalformed) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// What is to be done stands in the checklist, is ticked once, and can be taken back.
func TestChecklists(t *testing.T) {
	w := newWorked(t, map[string]any{})
	page, err := w.ask("checklists", "incident="+w.id)
	if err != nil || len(page.Rows) == 0 || page.Rows[0].ID != w.id+"/credential-attack/any-success" {
		t.Fatalf("%+v, %v", page, err)
	}
	if !slices.ContainsFunc(page.Rows, func(r view.Row) bool { return strings.Contains(r.Cells[4].(string), "ban add 192.0.2.7 ") }) {
		t.Error("commands are not of this incident")
	}
	done, err := w.do("checklists", "done", page.Rows[0].ID, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := w.ask("checklists", "left=true&incident="+w.id); err != nil || len(rest.Rows) != len(page.Rows)-1 {
		t.Error(len(rest.Rows), err)
	}
	if mine, err := w.ask("checklists", ""); err != nil || len(mine.Rows) != 0 {
		t.Error(mine, err)
	}
	if _, err := w.do("incidents", "take", w.id, "", nil); err != nil {
		t.Fatal(err)
	}
	if mine, err := w.ask("checklists", ""); err != nil || len(mine.Rows) != len(page.Rows)-1 {
		t.Error(len(mine.Rows), err)
	}
	if _, err := w.do(done.Undo.View, done.Undo.Action, done.Undo.ID, "", nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"x", w.id + "/none/x", w.id + "/general/none", "NONE/general/is-it-so"} {
		if _, err := w.do("checklists", "done", id, "", nil); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	books, err := w.ask("playbooks", "technique=t1110.003")
	if err != nil || books.Rows[0].ID != "credential-attack" {
		t.Error(books, err)
	}
	if i, err := w.view("playbooks").Item(t.Context(), "general"); err != nil || len(i.Sections) < 5 {
		t.Error(i, err)
	}
}

// One's own playbooks stand beside those that are built in; one that is wrong stops the load.
func TestOwnPlaybooks(t *testing.T) {
	dir := t.TempDir()
	own := "id: ours\ntitle: Ours\nabout: Ours.\nfor: {rules: [rule-f1]}\nsteps: [{id: call, phase: triage, title: Call Bob}]\n"
	if err := os.WriteFile(filepath.Join(dir, "ours.yml"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorked(t, map[string]any{"incidents": map[string]any{"playbooks": dir}})
	if page, err := w.ask("checklists", "incident="+w.id); err != nil || page.Rows[0].Cells[0] != "Call Bob" {
		t.Error(page, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong.yml"), []byte("id: x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadMonitor(t, t.TempDir(), map[string]any{"incidents": map[string]any{"playbooks": dir}}, map[string]any{}); err == nil || !strings.Contains(err.Error(), "wrong.yml") {
		t.Error(err)
	}
}

// run runs `convosphere incident …` against the gateway.
func (w *worked) run(args ...string) (string, error) {
	cmd := &cobra.Command{Use: "incident", SilenceUsage: true, SilenceErrors: true}
	incidentCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append(args, "--address", w.sock))
	err := cmd.Execute()
	return out.String(), err
}

// A terminal is enough.
func TestIncidentCommands(t *testing.T) {
	w := newWorked(t, map[string]any{})
	file := filepath.Join(t.TempDir(), "report.html")
	for _, c := range []struct {
		args string
		want string
	}{
		{"list --state open --level high --technique T1110 --since -1h", w.id},
		{"list --state acknowledged", "TITLE"},
		{"assign ID eve --version 1", "version 2"},
		{"list --assignee eve --json", w.id},
		{"triage ID --note seen", "triaged"},
		{"contain ID", "contained"},
		{"step ID credential-attack/any-success", ""},
		{"tag ID vpn other", "version"},
		{"tag ID ^other", "version"},
		{"verdict ID false --rule rule-f1", "version"},
		{"note ID Hello", ""},
		{"remediate ID", "remediated"},
		{"write-up ID --lessons More --recovery Done", "version"},
		{"close ID --verdict true", "closed"},
		{"show ID", "[x] credential-attack/any-success"},
		{"show ID", "lessons learned"},
		{"show ID --json", `"timeline"`},
		{"reopen ID", "triaged"},
		{"ack ID --by bob", ""},
		{"precision", "0%"},
		{"report ID -o " + file, file},
		{"report ID", "<!doctype html>"},
	} {
		out, err := w.run(strings.Fields(strings.ReplaceAll(c.args, "ID", w.id))...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %s, %v", c.args, out, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() < 2000 {
		t.Error(info, err)
	}
	for _, c := range []struct{ args, want string }{
		{"close ID --version 1", "bob: assignee from"}, {"reopen ID", "from where it can become"}, {"verdict ID maybe", "true, false or none"}, {"step ID general/none", "no playbook has this step"},
		{"step ID general", "PLAYBOOK/STEP"}, {"show NONE", "there is no such incident"}, {"list --level huge", "it is one of"}, {"assign ID Ada!", "nobody here has this user name"}, {"write-up ID", "--recovery, --lessons or both"},
		{"report NONE", "there is no such incident"},
	} {
		out, err := w.run(strings.Fields(strings.ReplaceAll(c.args, "ID", w.id))...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s, %v", c.args, out, err)
		}
	}
}
