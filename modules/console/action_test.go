package console

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// done follows an action to the page that says what became of it, and returns that page and the flash's id.
func done(t *testing.T, h *Handler, a answered) (page, id string) {
	t.Helper()
	u, err := url.Parse(a.Header().Get("Location"))
	if err != nil || a.Code != 303 || !strings.HasPrefix(u.Path, "/console/") {
		t.Fatalf("%d %q %s", a.Code, a.Header().Get("Location"), a.Body)
	}
	return ask(t, h, mona, "GET", u.String(), "").Body.String(), u.Query().Get(paramDone)
}

func TestActionAsksDoesAndIsTakenBack(t *testing.T) {
	l := newLamps()
	h, p := newConsole(t, lampView(l))
	asked := ask(t, h, mona, "GET", "/console/lamps/act/off?id=hall&why=bright&_back=lamps%3Fstate%3Don", "").Body.String()
	for _, part := range []string{"Switch this lamp off?", "Lamp hall", `name="version" value="1"`, `value="bright"`, `name="_back" value="lamps?state=on"`, `maxlength="20"`} {
		if !strings.Contains(asked, part) {
			t.Errorf("it does not ask with %s", part)
		}
	}
	if l.state["hall"] != "on" {
		t.Fatal("asking does it")
	}
	a := ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "version", "1", "f.why", "bright", "_back", "lamps?state=on"))
	if l.state["hall"] != "off" || l.why != "bright" || !strings.HasPrefix(a.Header().Get("Location"), "/console/lamps?") {
		t.Fatalf("%v %d %s", l.state, a.Code, a.Header())
	}
	page, id := done(t, h, a)
	if !strings.Contains(page, "The lamp hall is off.") || !strings.Contains(page, `action="/console/lamps/undo"`) {
		t.Errorf("it is not said: %s", page)
	}
	page, _ = done(t, h, ask(t, h, mona, "POST", "/console/lamps/undo", sent("_done", id)))
	if l.state["hall"] != "on" || !strings.Contains(page, "Taken back.") {
		t.Errorf("it is not taken back: %v", l.state)
	}
	if a := ask(t, h, mona, "POST", "/console/lamps/undo", sent("_done", id)); a.Code != 409 || l.state["hall"] != "on" {
		t.Errorf("it is taken back twice: %d", a.Code)
	}
	lines := p.events.of(t, h, "console-action")
	if len(lines) != 4 || !strings.Contains(lines[0], `"event.outcome":"unknown"`) || !strings.Contains(lines[1], `"event.outcome":"success"`) ||
		!strings.Contains(lines[0], `"gateway.console.action":"off"`) || !strings.Contains(lines[0], `"gateway.console.item":"hall"`) || !strings.Contains(lines[0], `"user.id":"id-mona"`) {
		t.Errorf("events: %s", strings.Join(lines, "\n"))
	}
	if strings.Contains(strings.Join(lines, ""), "bright") || strings.Contains(strings.Join(lines, ""), `"mona"`) {
		t.Errorf("events hold what was typed in, or a name")
	}
}

// Others can't see, or take back, what one has done; nor does a made-up link say anything.
func TestFlashIsOfItsSession(t *testing.T) {
	l := newLamps()
	h, _ := newConsole(t, lampView(l))
	_, id := done(t, h, ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "f.why", "x")))
	other := *mona
	other.Session = "S2"
	if page := ask(t, h, &other, "GET", "/console/lamps?_done="+id, "").Body.String(); strings.Contains(page, "is off.") {
		t.Error("another session reads it")
	}
	if a := ask(t, h, &other, "POST", "/console/lamps/undo", sent("_done", id)); a.Code != 409 || l.state["hall"] != "off" {
		t.Errorf("another session takes it back: %d", a.Code)
	}
	if page := ask(t, h, mona, "GET", "/console/lamps?_done=Call+us+now", "").Body.String(); strings.Contains(page, "us now") || strings.Contains(page, "us+now") {
		t.Error("a link puts words on the page")
	}
}

func TestUndoNeedsItsPermission(t *testing.T) {
	l := newLamps()
	h, p := newConsole(t, lampView(l))
	_, id := done(t, h, ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "f.why", "x")))
	p.deny(view.Act, engine.Decision{})
	if page := ask(t, h, mona, "GET", "/console/lamps?_done="+id, "").Body.String(); strings.Contains(page, "/undo") {
		t.Error("it is offered")
	}
	if a := ask(t, h, mona, "POST", "/console/lamps/undo", sent("_done", id)); a.Code != 403 || l.state["hall"] != "off" {
		t.Errorf("it is done: %d", a.Code)
	}
}

// Another site's page can't act through its visitor.
func TestActionsOfOtherSites(t *testing.T) {
	for name, headers := range map[string][]string{
		"cross-site":   {"Sec-Fetch-Site", "cross-site"},
		"same-site":    {"Sec-Fetch-Site", "same-site"},
		"other origin": {"Origin", "https://evil.example"},
		"null origin":  {"Origin", "null"},
	} {
		l := newLamps()
		h, p := newConsole(t, lampView(l))
		a := ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "f.why", "x"), headers...)
		if a.Code != 403 || l.state["hall"] != "on" || len(p.events.of(t, h, "cross-site-refused")) != 1 {
			t.Errorf("%s: %d %v", name, a.Code, l.state)
		}
	}
	l := newLamps()
	h, _ := newConsole(t, lampView(l))
	if a := ask(t, h, mona, "GET", "/console/lamps/act/off?id=hall&f.why=x", ""); a.Code != 200 || l.state["hall"] != "on" {
		t.Errorf("GET acts: %d", a.Code)
	}
}

// What is not on record is not done.
func TestNothingIsDoneOffTheRecord(t *testing.T) {
	l := newLamps()
	h, p := newConsole(t, lampView(l))
	p.audit = errors.New("no room")
	a := ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "f.why", "x"))
	if a.Code != 503 || l.state["hall"] != "on" || !strings.Contains(a.Body.String(), "Nothing was done") || strings.Contains(a.Body.String(), "no room") {
		t.Errorf("%d %v", a.Code, l.state)
	}
}

// Whoever acts on what somebody has changed meanwhile sees both, and overwrites nothing.
func TestConflict(t *testing.T) {
	l := newLamps()
	h, _ := newConsole(t, lampView(l))
	l.version, l.why = "2", "somebody else's reason"
	a := ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "version", "1", "f.why", "my reason"))
	body := a.Body.String()
	if a.Code != 409 || l.state["hall"] != "on" {
		t.Fatalf("%d %v", a.Code, l.state)
	}
	for _, part := range []string{"Somebody changed it meanwhile", "What was changed meanwhile", "The reason was changed", "my reason", "somebody else", `name="version" value="2"`} {
		if !strings.Contains(body, part) {
			t.Errorf("it does not show %s", part)
		}
	}
	if _, id := done(t, h, ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "version", "2", "f.why", "my reason"))); id == "" || l.why != "my reason" {
		t.Error("it can't be done after looking")
	}
}

func TestActionsThatCantBe(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		err  error
		want int
		says string
	}{
		"no item":       {sent("f.why", "x"), nil, 404, "no such thing"},
		"unknown item":  {sent("id", "none", "f.why", "x"), view.ErrNotFound, 404, "no such thing"},
		"no reason":     {sent("id", "hall"), nil, 422, "Reason is needed"},
		"long reason":   {sent("id", "hall", "f.why", strings.Repeat("x", 21)), nil, 422, "more than 20 bytes"},
		"unknown field": {sent("id", "hall", "f.why", "x", "f.who", "me"), nil, 422, "knows no"},
		"refused":       {sent("id", "hall", "f.why", "x"), fmt.Errorf("%w: the last lamp stays on", view.ErrRefused), 409, "The last lamp stays on."},
		"failed":        {sent("id", "hall", "f.why", "x"), errors.New("dial tcp 10.0.0.1: secret"), 503, "The log of the gateway says why"},
		"too large":     {"id=hall&f.why=" + strings.Repeat("x", 300<<10), nil, 413, ""},
		"long id":       {sent("id", strings.Repeat("x", 600), "f.why", "x"), nil, 404, "no such thing"},
	} {
		l := newLamps()
		l.err = c.err
		h, _ := newConsole(t, lampView(l))
		a := ask(t, h, mona, "POST", "/console/lamps/act/off", c.body)
		if a.Code != c.want || !strings.Contains(a.Body.String(), c.says) || strings.Contains(a.Body.String(), "secret") || l.state["hall"] != "on" {
			t.Errorf("%s: %d %s", name, a.Code, regexp.MustCompile(`(?s)<main.*</main>`).FindString(a.Body.String()))
		}
	}
}

// A form that comes too long after the second factor is not lost.
func TestStepUpKeepsTheForm(t *testing.T) {
	h, p := newConsole(t, lampView(newLamps()))
	p.deny(view.Act, engine.Decision{Obligations: engine.Obligations{StepUp: true}})
	body := ask(t, h, mona, "POST", "/console/lamps/act/off", sent("id", "hall", "f.why", `long "text"`)).Body.String()
	if !strings.Contains(body, `name="f.why" value="long &#34;text&#34;"`) || !strings.Contains(body, `action="/console/lamps/act/off"`) || !strings.Contains(body, "/auth/login?return_to=") {
		t.Error(body)
	}
}
