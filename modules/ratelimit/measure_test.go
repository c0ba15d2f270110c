package ratelimit

import (
	"net/http"
	"testing"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/measure/measuretest"
)

// Who a response throttles, client or person, has limits a quarter as wide; a puzzle is no part of it.
func TestThrottledByAResponse(t *testing.T) {
	h, _, _ := loadAbuse(t, tightened)
	h.ground.Measures = measuretest.Open(t)
	measuretest.Put(t, h.ground.Measures, measure.Client, "192.0.2.66", measure.Throttle)
	measuretest.Put(t, h.ground.Measures, measure.User, "villain", measure.Throttle)
	for _, c := range []struct {
		from, user string
		want       int
	}{{"192.0.2.66", "", 10}, {"192.0.2.67", "villain", 10}, {"192.0.2.68", "", 40}} {
		if got := passing(t, h, c.from, c.user); got != c.want {
			t.Errorf("%s %s: %d of 100 pass, want %d", c.from, c.user, got, c.want)
		}
	}
}

// Who a response challenges solves a puzzle and goes on, with limits as wide as before; nobody else is asked.
func TestChallengedByAResponse(t *testing.T) {
	w := watch(t, "challenge {\nwork 8\n}")
	w.h.ground.Measures = measuretest.Open(t)
	if rec := w.send("GET", "/", suspect, ""); rec.Code != http.StatusNoContent {
		t.Fatal("challenged for nothing:", rec.Code)
	}
	measuretest.Put(t, w.h.ground.Measures, measure.Client, suspect, measure.Challenge)
	rec := w.send("GET", "/", suspect, "")
	p := puzzle(t, rec)
	if w.seen != nil {
		t.Error("the back end got it")
	}
	rec = w.send("GET", "/", suspect, "", answerHeader, solve(t, p))
	if rec.Code != http.StatusNoContent || rec.Header().Get(clearanceHeader) == "" {
		t.Fatal("solved, and not let be:", rec.Code)
	}
	if rec := w.send("GET", "/", suspect, "", clearanceHeader, rec.Header().Get(clearanceHeader)); rec.Code != http.StatusNoContent {
		t.Error("challenged again:", rec.Code)
	}
	if rec := w.send("GET", "/", "192.0.2.1", ""); rec.Code != http.StatusNoContent {
		t.Error("another is challenged:", rec.Code)
	}
}
