package telemetry

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// dashboard is what of Grafana's model a dashboard needs to be shown.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type string }
	}
	Panels []struct {
		ID                       int
		Title, Type, Description string
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct{ RefID, Expr string }
		Datasource               struct{ Type, UID string }
	}
}

func readDashboard(t *testing.T, file string) (d dashboard) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if d.UID == "" || d.Title == "" || len(d.Panels) == 0 || len(d.Templating.List) != 2 {
		t.Errorf("%s: it has no uid, title, panels or variables", file)
	}
	return d
}

// expressions are those of its panels, with the variables filled in; and its panels are such as Grafana shows.
func (d dashboard) expressions(t *testing.T) map[string]string {
	t.Helper()
	all, ids, taken := map[string]string{}, map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Title == "" || p.Type != "timeseries" && p.Type != "stat" || ids[p.ID] || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s: the panel %d %q", d.UID, p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s: %q lies over %q, or outside", d.UID, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: %q asks for a variable that there is none of: %s", d.UID, p.Title, expr)
			}
			all[p.Title+" "+target.RefID] = expr
		}
	}
	return all
}
