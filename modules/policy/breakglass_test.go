package policy

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// moderator is somebody signed in, with a fresh second factor.
func moderator(session string) *reqctx.Request {
	id := person("mona", "moderator")
	id.Kind, id.Session, id.MFATime, id.ACR = reqctx.KindPerson, session, time.Now(), reqctx.ACRMulti
	return &reqctx.Request{ID: "R1", Route: "/auth/api/break-glass", Identity: id, Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.7")}}
}

// A moderator may read no room that they are not in; with emergency access they may, in that session alone, and it is an incident.
func TestBreakGlass(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	rc := moderator("S1")
	room := func(rc *reqctx.Request, permission string) *engine.Input {
		return &engine.Input{Permission: permission, Identity: rc.Identity, Resource: engine.Object{Type: "room", ID: "secret"}}
	}
	during(t, dir, `{"break_glass": "30m"}`, func(a *App) {
		if d := a.Decide(ctx, room(rc, "message:list")); d.Allow {
			t.Fatalf("without: %+v", d)
		}
		began := time.Now()
		until, err := a.TakeBreakGlass(ctx, rc, " Abuse report 4711,\nto be read now ")
		if err != nil || until.Before(began.Add(29*time.Minute)) || until.After(time.Now().Add(30*time.Minute)) {
			t.Fatal(until, err)
		}
		if at, err := a.BreakGlassUntil(ctx, rc.Identity); err != nil || !at.Equal(until) {
			t.Error(at, until, err)
		}
		d := a.Decide(ctx, room(rc, "message:list"))
		if !d.Allow || d.Reason != "emergency access" || d.Obligations.Incident != "break-glass" || d.Obligations.Log != engine.LogFull {
			t.Errorf("with: %+v", d)
		}
		for what, in := range map[string]*engine.Input{
			"to post":           room(rc, "message:post"),
			"other's accounts":  {Permission: "account:admin", Identity: rc.Identity},
			"another session":   room(moderator("S2"), "message:list"),
			"claimed by caller": {Permission: "message:list", Identity: moderator("S2").Identity, Resource: engine.Object{Type: "room", ID: "secret"}, BreakGlass: true},
		} {
			if d := a.Decide(ctx, in); d.Allow {
				t.Errorf("%s: %+v", what, d)
			}
		}
		if err := a.EndBreakGlass(ctx, rc); err != nil {
			t.Fatal(err)
		}
		if d := a.Decide(ctx, room(rc, "message:list")); d.Allow {
			t.Errorf("after its end: %+v", d)
		}
		if at, err := a.BreakGlassUntil(ctx, rc.Identity); err != nil || !at.IsZero() {
			t.Error(at, err)
		}
	})
	took := events(t, dir, "break-glass")
	if len(took) != 1 {
		t.Fatal(took)
	}
	for field, want := range map[string]any{
		"event.category": "iam", "event.outcome": "success", "user.id": "id-mona", "source.ip": "192.0.2.7", "gateway.session": "S1",
		"http.request.id": "R1", "gateway.break_glass.reason": "Abuse report 4711, to be read now",
	} {
		if took[0][field] != want {
			t.Errorf("%s: %v, want %v", field, took[0][field], want)
		}
	}
	if e := events(t, dir, "break-glass-ended"); len(e) != 1 || e[0]["event.outcome"] != "success" {
		t.Error(e)
	}
}

// Programs, other issuers' people and tokens with scopes have no session to have it in.
func TestBreakGlassIsForSessionsOfPeople(t *testing.T) {
	a := start(t, `{}`)
	ctx := context.Background()
	const why = "a reason that is long enough"
	for name, change := range map[string]func(*reqctx.Identity){
		"service":    func(id *reqctx.Identity) { id.Kind = reqctx.KindService },
		"foreign":    func(id *reqctx.Identity) { id.Kind = reqctx.KindForeign },
		"no session": func(id *reqctx.Identity) { id.Session = "" },
		"a token":    func(id *reqctx.Identity) { id.Scopes = []string{"break-glass"} },
		"everyone":   func(id *reqctx.Identity) { id.Name = "*" },
		"an object":  func(id *reqctx.Identity) { id.Name = "session:S1" },
	} {
		rc := moderator("S1")
		change(rc.Identity)
		if _, err := a.TakeBreakGlass(ctx, rc, why); err == nil {
			t.Errorf("%s took it", name)
		}
	}
	if _, err := a.TakeBreakGlass(ctx, &reqctx.Request{}, why); err == nil {
		t.Error("nobody took it")
	}
	for _, reason := range []string{"", "short", strings.Repeat("x", 501), "a reason with a \x1b[0m in it"} {
		if _, err := a.TakeBreakGlass(ctx, moderator("S1"), reason); !errors.Is(err, grant.ErrReason) {
			t.Errorf("%q: %v", reason, err)
		}
	}
}

// Fail closed: what can't be stored is not had, and is told.
func TestBreakGlassThatCanNotBeStored(t *testing.T) {
	dir := t.TempDir()
	during(t, dir, `{}`, func(a *App) {
		if err := a.ground.DB.Close(); err != nil {
			t.Fatal(err)
		}
		if until, err := a.TakeBreakGlass(context.Background(), moderator("S1"), "a reason that is long enough"); err == nil || !until.IsZero() {
			t.Error(until, err)
		}
	})
	if e := events(t, dir, "break-glass"); len(e) != 1 || e[0]["event.outcome"] != "failure" {
		t.Error(e)
	}
}

// unwritable is an audit log whose disk is full.
type unwritable struct{}

func (unwritable) Durable(_ context.Context, emit func()) error {
	emit()
	return errors.New("no space left on the device")
}

// Fail closed: what the audit log does not have is not had.
func TestBreakGlassThatIsNotRecorded(t *testing.T) {
	during(t, t.TempDir(), `{}`, func(a *App) {
		ctx, rc := context.Background(), moderator("S1")
		a.ground.Audit = unwritable{}
		if until, err := a.TakeBreakGlass(ctx, rc, "a reason that is long enough"); err == nil || !until.IsZero() {
			t.Error(until, err)
		}
		if until, err := a.BreakGlassUntil(ctx, rc.Identity); err != nil || !until.IsZero() {
			t.Error("it was given all the same:", until, err)
		}
	})
}

func TestBreakGlassIsConfigured(t *testing.T) {
	for text, want := range map[string]string{
		"policy {\nbreak_glass 1h\n}":             `{"break_glass":3600000000000}`,
		"policy {\nbreak_glass\n}":                "wrong argument count",
		"policy {\nbreak_glass 1h 2h\n}":          "wrong argument count",
		"policy {\nbreak_glass soon\n}":           "Testfile:2",
		"policy {\nbreak_glass 59s\n}":            "write a duration from 1m to 4h",
		"policy {\nbreak_glass 5h\n}":             "write a duration from 1m to 4h",
		"policy {\nbreak_glass -1h\n}":            "write a duration from 1m to 4h",
		"policy {\nbreak_glass {\nfor 1h\n}\n}":   "Testfile:2",
		"policy {\nbreak_glass 1h {\nfor 1h\n}\n": "Testfile:2",
	} {
		var a App
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
		got, _ := json.Marshal(&a)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want && (err == nil || !strings.Contains(string(got), want)) {
			t.Errorf("%s\n gives %s\n not   %s", text, got, want)
		}
	}
	if err := load(t.TempDir(), `{"break_glass": "5h"}`); err == nil {
		t.Error("5h is loaded")
	}
}
