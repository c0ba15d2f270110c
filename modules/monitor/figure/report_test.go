package figure

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// filled has two nodes' figures of three days: one node is away for six hours of the second one, the other was there on the first alone.
func filled(t *testing.T) *Store {
	t.Helper()
	c := dbtest.New(t)
	a, b := store(t, c, "a"), store(t, c, "b")
	for s, up := range map[*Store]func(time.Time) bool{
		a: func(at time.Time) bool {
			return at.Before(noon.Add(-30*time.Hour)) || !at.Before(noon.Add(-24*time.Hour))
		},
		b: func(at time.Time) bool { return at.Before(noon.Add(-48 * time.Hour)) },
	} {
		counted := map[time.Time]Values{}
		for at := noon.Add(-72 * time.Hour); at.Before(noon); at = at.Add(Fine) {
			if up(at) {
				counted[at] = Values{Up: Fine.Microseconds(), Requests: 100, Passed: 80, Refused: 15, Failed: 5, By + "waf": 15, Decided: 90, Unlisted: 9, Route + "GET /a": 81}
			}
		}
		if err := s.Add(t.Context(), counted); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestReport(t *testing.T) {
	s := filled(t)
	r, err := s.Report(t.Context(), noon.Add(-72*time.Hour), noon, Sources{
		Routes: func() []string { return []string{"GET /a", "POST /a"} },
		Incidents: func(_ context.Context, from, to time.Time) ([]Incident, bool, error) {
			if !from.Equal(noon.Add(-72*time.Hour)) || !to.Equal(noon) {
				t.Errorf("asked for %s to %s", from, to)
			}
			return []Incident{{Level: "high", Verdict: "true", First: noon, Opened: noon}}, false, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	steps := int64((72-6)*12 + 24*12)
	if r.Step != 3600 || r.Traffic.Requests != 100*steps || r.Traffic.Availability != (Share{95 * steps, 100 * steps}) || r.Traffic.RefusedBy["waf"] != 15*steps {
		t.Errorf("%d steps: %+v", steps, r.Traffic)
	}
	// The first hour of all is not judged; six hours nobody was there.
	if r.Traffic.Uptime != (Share{65 * 3600, 71 * 3600}) || len(r.Nodes) != 2 || r.Nodes[1].Up != (Share{23 * 3600, 71 * 3600}) {
		t.Errorf("up %+v, %+v", r.Traffic.Uptime, r.Nodes)
	}
	if r.Covered.Requests != (Share{81 * steps, 90 * steps}) || r.Covered.Configured != 2 || r.Covered.Seen != 1 || r.Covered.Routes[0] != (OnRoute{Route: "GET /a", Requests: 81 * steps, Configured: true}) {
		t.Errorf("%+v", r.Covered)
	}
	if r.Work.Detection != (Share{1, 1}) || !r.Work.Known {
		t.Errorf("%+v", r.Work)
	}
}

// Where nothing is known, nothing is claimed.
func TestReportOfNothing(t *testing.T) {
	s := store(t, dbtest.New(t), "a")
	r, err := s.Report(t.Context(), noon.Add(-Day), noon, Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Traffic.Availability.Known() || r.Traffic.Uptime.Known() || r.Work.Known || r.Covered.Known || r.Price.Known() || !r.Since.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestReportFails(t *testing.T) {
	s := store(t, dbtest.New(t), "a")
	away := errors.New("away")
	if _, err := s.Report(t.Context(), noon.Add(-Day), noon, Sources{Incidents: func(context.Context, time.Time, time.Time) ([]Incident, bool, error) { return nil, false, away }}); !errors.Is(err, away) {
		t.Error(err)
	}
}

// Long times are read in coarse steps, and so are those of which no fine ones are kept any more.
func TestStep(t *testing.T) {
	s := NewStore(nil, "a", 0, clock)
	for _, c := range []struct{ ago, long, step time.Duration }{
		{Day, Day, Fine}, {2 * Day, Day, Fine}, {2 * Day, 2 * Day, Hour}, {9 * Day, Hour, Hour}, {14 * Day, 14 * Day, Hour}, {15 * Day, 15 * Day, Day}, {95 * Day, Day, Day},
	} {
		if step := s.Step(noon.Add(-c.ago), noon.Add(c.long-c.ago)); step != c.step {
			t.Errorf("%s, %s ago: %s, want %s", c.long, c.ago, step, c.step)
		}
	}
}
