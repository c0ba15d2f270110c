package figure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func store(t testing.TB, c database.Config, node string) *Store {
	t.Helper()
	db, err := database.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewStore(db, node, 0, clock)
}

func sum(t *testing.T, s *Store, step time.Duration) Values {
	t.Helper()
	v, err := s.Sum(t.Context(), step, noon.Add(-10*Day), noon.Add(Day))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Several nodes, and two processes of one name, add to the same steps at once: nothing is lost, and each step has the same in the end.
func TestAdd(t *testing.T) {
	c := dbtest.New(t)
	var all sync.WaitGroup
	for i, node := range []string{"a", "a", "b"} {
		s := store(t, c, node)
		all.Go(func() {
			for n := range 10 {
				at := noon.Add(-time.Duration(n) * 7 * time.Hour).Truncate(Fine)
				if err := s.Add(t.Context(), map[time.Time]Values{at: {Requests: 1, Route + "GET /": 1}, at.Add(Fine): {Requests: int64(i)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s := store(t, c, "c")
	for _, step := range steps {
		if v := sum(t, s, step); v[Requests] != 60 {
			t.Errorf("by %s: %v", step, v)
		}
	}
	if v := sum(t, s, Hour); v[Route+"GET /"] != 0 {
		t.Errorf("routes are in hours: %v", v)
	}
	if v := sum(t, s, Day); v[Route+"GET /"] != 30 {
		t.Errorf("%v", v)
	}
}

// What could not be kept is kept later, once.
func TestReturn(t *testing.T) {
	s := store(t, dbtest.New(t), "a")
	n, err := NewCounter(clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	(&seen{action: "login", outcome: "success"}).count(n.at(noon))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{over, t.Context(), t.Context()} {
		taken, err := n.Take()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(ctx, taken); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			n.Return(taken)
		}
	}
	if v := sum(t, s, Fine); v[Logins] != 1 {
		t.Errorf("%v", v)
	}
}

func TestPrune(t *testing.T) {
	s := store(t, dbtest.New(t), "a")
	for _, ago := range []time.Duration{0, 7 * Day, 9 * Day, 91 * Day, 93 * Day, 399 * Day, 402 * Day} {
		if err := s.Add(t.Context(), map[time.Time]Values{noon.Add(-ago): {Requests: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[time.Duration]int64{Fine: 2, Hour: 4, Day: 6} {
		var n int64
		if err := s.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM figures WHERE step = ?`, int64(step/time.Second)).Scan(&n); err != nil || n != want {
			t.Errorf("by %s: %d, want %d, %v", step, n, want, err)
		}
	}
}

// Routes are the configuration's, but there is a bound all the same.
func TestRoutesAreBounded(t *testing.T) {
	s := store(t, dbtest.NewSQLite(t), "a")
	for n := range 4 {
		v := Values{}
		for i := range 400 {
			v[fmt.Sprintf("%sGET /%d/%d", Route, n, i)] = 1
		}
		if err := s.Add(t.Context(), map[time.Time]Values{noon: v}); err != nil {
			t.Fatal(err)
		}
	}
	v := sum(t, s, Day)
	if len(v) > mostRoutes+401 || v[Route+partOther] < 600 {
		t.Errorf("%d names, %d of others", len(v), v[Route+partOther])
	}
}

func TestImport(t *testing.T) {
	s := store(t, dbtest.NewSQLite(t), "a")
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, `{"@timestamp":%q,"event.action":"http-request","http.response.status_code":200}`+"\n", noon.Add(-time.Duration(i)*10*time.Minute).Format(time.RFC3339Nano))
	}
	lines.WriteString("no event\n{}\n")
	events, faults, err := s.Import(t.Context(), strings.NewReader(lines.String()))
	if err != nil || events != 1000 || faults != 2 {
		t.Fatal(events, faults, err)
	}
	if v := sum(t, s, Hour); v[Passed] != 1000 || v[Up] != 1000*Fine.Microseconds() {
		t.Errorf("%v", v)
	}
}
