package monitor

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	"github.com/convosphere/gateway/modules/monitor/alert"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/respond"
	"github.com/convosphere/gateway/test/stop"
)

func workViews(t *testing.T, monitor map[string]any) (*App, *viewtest.Views) {
	t.Helper()
	stop.After(t)
	a, err := loadMonitor(t, t.TempDir(), monitor, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	return a, viewtest.Of(t, a.ground.Views)
}

// hinting is a finding that hints at what is to be done to a client.
func hinting(id, client, hints string) *finding.Finding {
	f := aFinding(id)
	f.Subjects, f.Respond = []finding.Subject{{Kind: finding.Client, ID: client}}, strings.Split(hints, ", ")
	return f
}

// until waits for what is not at once.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// What a machine proposes a person does, or not; what was done can be taken back.
func TestViewOfResponses(t *testing.T) {
	a, v := workViews(t, map[string]any{"respond": map[string]any{"mode": "propose"}})
	v.Who.ID = "ada"
	a.take(t.Context(), hinting("1", "192.0.2.7", "ban 1h, challenge"))
	a.take(t.Context(), hinting("2", "192.0.2.8", "ban 1h"))
	proposed := v.IDs("responses", "state=proposed")
	if len(proposed) != 3 || v.Tile("responses", "proposed") != int64(3) {
		t.Fatal(proposed)
	}
	ban := v.IDs("responses", "action=ban&subject=client:192.0.2.7")
	if len(ban) != 1 {
		t.Fatal(ban)
	}
	if got := v.Rows("responses", "action=ban&subject=client:192.0.2.7").Rows[0].Actions; !slices.Equal(got, []string{"approve", "dismiss"}) {
		t.Error(got)
	}
	done := v.Must("responses", "approve", ban[0], nil)
	if i := v.Item("responses", ban[0]); i.State != respond.Applied || !slices.Equal(i.Actions, []string{"undo"}) {
		t.Errorf("%+v", i)
	}
	if got := v.Cell("responses", "", ban[0], "by"); got != "ada" {
		t.Error("who did it:", got)
	}
	v.Undo(done)
	if i := v.Item("responses", ban[0]); i.State != respond.Undone || i.Actions == nil || len(i.Actions) != 0 {
		t.Errorf("%+v", i)
	}
	for _, again := range []string{"approve", "dismiss", "undo"} {
		if _, err := v.Do("responses", again, ban[0], nil); !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s of what is over: %v", again, err)
		}
	}
	v.Must("responses", "dismiss", v.IDs("responses", "state=proposed&limit=1")[0], nil)
	pages := 0
	for after := ""; ; pages++ {
		p := v.Rows("responses", "limit=1&after="+after)
		if after = p.Next; after == "" {
			break
		}
	}
	if pages != 3 {
		t.Errorf("%d pages before the last, empty one", pages)
	}
	if _, err := v.Do("responses", "approve", "nonsense", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

func TestAnOrderFromAView(t *testing.T) {
	_, v := workViews(t, map[string]any{})
	done := v.Must("responses", "order", "", map[string]string{"action": "ban", "subject": "client:192.0.2.9", "for": "2h", "reason": "seen by ada"})
	id := strings.TrimPrefix(done.Goto, "responses/")
	if i := v.Item("responses", id); i.State != respond.Applied || i.Title != "ban of client:192.0.2.9" {
		t.Errorf("%+v", i)
	}
	v.Undo(done)
	for want, values := range map[error]map[string]string{
		view.ErrRefused:   {"action": "ban", "subject": "client:127.0.0.1"},
		view.ErrMalformed: {"action": "ban", "subject": "user:u1"},
	} {
		if _, err := v.Do("responses", "order", "", values); !errors.Is(err, want) {
			t.Errorf("%v: %v", values, err)
		}
	}
	for _, values := range []map[string]string{
		{"action": "webhook", "subject": "user:u1"}, {"action": "ban", "subject": "nonsense"}, {"action": "ban", "subject": "client:192.0.2.1", "incident": "nonsense"},
		{"action": "end_sessions", "subject": "user:u1", "for": "1h"},
	} {
		if _, err := v.Do("responses", "order", "", values); !errors.Is(err, view.ErrMalformed) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

// A measure is lifted as its response, so that no machine takes it again at once; one without, by itself.
func TestViewOfMeasures(t *testing.T) {
	a, v := workViews(t, map[string]any{"respond": map[string]any{"mode": "automatic"}})
	a.take(t.Context(), hinting("1", "192.0.2.7", "challenge 1h"))
	if err := a.ground.Measures.Put(t.Context(), measure.Measure{Subject: measure.Subject{Kind: measure.User, ID: "u1"}, Kind: measure.SecondFactor, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if got := v.IDs("measures", "sort=subject"); !slices.Equal(got, []string{"challenge:client:192.0.2.7", "require_second_factor:user:u1"}) {
		t.Fatal(got)
	}
	if got := v.IDs("measures", "kind=challenge"); len(got) != 1 {
		t.Error(got)
	}
	if got := v.IDs("measures", "subject=user:"); len(got) != 1 {
		t.Error(got)
	}
	until(t, "the table does not hear of them", func() bool {
		n := 0.0
		for _, b := range v.Panels("measures", "")[0].Bars.Items {
			n += b.Value
		}
		return n == 2
	})
	done := v.Must("measures", "lift", "challenge:client:192.0.2.7", nil)
	if i := v.Item("responses", strings.TrimPrefix(done.Goto, "responses/")); i.State != respond.Undone {
		t.Errorf("%+v", i)
	}
	v.Must("measures", "lift", "require_second_factor:user:u1", nil)
	if got := v.IDs("measures", ""); got != nil {
		t.Error(got)
	}
	if _, err := v.Do("measures", "lift", "challenge:client:192.0.2.7", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

// What a channel did not take waits, is sent again or dropped; where it goes is secret.
func TestViewOfAlerts(t *testing.T) {
	var up atomic.Bool
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(chat.Close)
	a, v := workViews(t, map[string]any{
		"alerts":  map[string]any{"channels": []map[string]any{{"name": "ops", "kind": "slack", "to": []string{chat.URL + "/T0KEN-IN-THE-PATH"}}}, "wait": 1, "interval": 1},
		"respond": map[string]any{"mode": "off"},
	})
	if _, err := v.Do("alerts", "test", "", map[string]string{"channel": "ops"}); !errors.Is(err, view.ErrRefused) {
		t.Error("the test came through:", err)
	}
	a.take(t.Context(), aFinding("1"))
	until(t, "it is not tried", func() bool {
		ids := v.IDs("alerts", "state=waiting")
		return len(ids) == 1 && v.Cell("alerts", "", ids[0], "detail") != ""
	})
	id := v.IDs("alerts", "channel=ops")[0]
	v.Hides("alerts", "T0KEN")
	up.Store(true)
	v.Must("alerts", "test", "", map[string]string{"channel": "ops"})
	v.Must("alerts", "retry", id, nil)
	until(t, "it is not sent", func() bool { return v.Item("alerts", id).State == alert.Sent })
	if i := v.Item("alerts", id); len(i.Sections[1].Table.Rows) != 1 || len(i.Actions) != 0 || i.Actions == nil {
		t.Errorf("%+v", i)
	}
	for _, action := range []string{"retry", "drop"} {
		if _, err := v.Do("alerts", action, id, nil); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s of what is sent: %v", action, err)
		}
	}
	up.Store(false)
	a.take(t.Context(), aFinding("2"))
	until(t, "it is not tried", func() bool { return len(v.IDs("alerts", "state=waiting")) == 1 })
	v.Must("alerts", "drop", v.IDs("alerts", "state=waiting")[0], nil)
	if got := v.IDs("alerts", "limit=1"); len(got) != 1 || got[0] != id {
		t.Error(got)
	}
}

// Where nothing is watched there is nothing to show.
func TestNoViewsOfAMonitorThatIsOff(t *testing.T) {
	a, _ := workViews(t, map[string]any{"off": true})
	for _, name := range []string{"responses", "measures", "alerts"} {
		if _, ok := a.ground.Views.Get(name); ok {
			t.Errorf("%s shows nothing", name)
		}
	}
}
