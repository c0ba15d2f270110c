package console

import (
	"math"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

func TestTilesSayWhatChanged(t *testing.T) {
	for _, c := range []struct {
		tile view.Tile
		want string
	}{
		{view.Tile{Kind: view.Number, Value: 112, Was: 100}, "12 % more than before (100)"}, {view.Tile{Kind: view.Number, Value: int64(50), Was: int64(100)}, "50 % less than before (100)"},
		{view.Tile{Kind: view.Number, Value: 1000, Was: 10}, "100 times as much as before (10)"}, {view.Tile{Kind: view.Number, Value: 5, Was: 5}, "as before"},
		{view.Tile{Kind: view.Number, Value: 5, Was: 0}, "before: 0"}, {view.Tile{Kind: view.Number, Value: 5}, ""}, {view.Tile{Kind: view.Number, Value: math.NaN(), Was: 5}, "before: 5"},
		{view.Tile{Kind: view.Percent, Value: .5, Was: .25}, "before: 25 %"}, {view.Tile{Kind: view.Duration, Value: time.Minute, Was: 2 * time.Minute}, "50 % less than before (2 min)"},
		{view.Tile{Kind: view.Number, Value: int64(3133), Was: int64(1474)}, "113 % more than before (1,474)"}, {view.Tile{Kind: view.Number, Value: 1001, Was: 1000}, "1 % more than before (1,000)"},
	} {
		if got := changed(&c.tile); got != c.want {
			t.Errorf("%v of %v: %q, not %q", c.tile.Value, c.tile.Was, got, c.want)
		}
	}
}

// A view that gives more than can be drawn, or lists of different lengths, is shown as far as it goes.
func TestPanelsAreBounded(t *testing.T) {
	times := make([]time.Time, mostPoints+5)
	for i := range times {
		times[i] = time.Unix(int64(i)*60, 0)
	}
	c := view.Chart{Times: times, Kind: view.Number}
	for range mostSeries + 3 {
		c.Series = append(c.Series, view.Series{Name: "x", Values: make([]float64, 3)})
	}
	items := make([]view.Bar, mostBars+1)
	items[0].Value, items[1].Value, items[2].Value = math.Inf(1), 1, math.NaN()
	h, _ := newConsole(t, gallery())
	v, _ := h.ground.Views.Get("gallery")
	got := (&call{h: h, view: v}).panels([]view.Panel{{Chart: &c}, {Bars: &view.Bars{Items: items}}, {Chart: &view.Chart{}}}).Others
	chart := got[0].Chart
	if len(chart.Rows) != mostPoints || len(chart.Series) != mostSeries || len(chart.Rows[0].Cells) != mostSeries || chart.Rows[mostPoints-1].Time != times[len(times)-1].UTC().Format(time.RFC3339) {
		t.Fatalf("%d points, %d series", len(chart.Rows), len(chart.Series))
	}
	if b := got[1].Bars; len(b) != mostBars || b[0].Width != "100.0" || b[1].Width != "100.0" || b[2].Width != "0.0" || b[2].Value != "–" {
		t.Fatalf("%d bars: %+v", len(b), b[:3])
	}
	if !got[2].Chart.Empty {
		t.Fatal("a chart of nothing is drawn")
	}
}

func TestSharesNearTheirEnds(t *testing.T) {
	for f, want := range map[float64]string{0: "0 %", 1: "100 %", .123: "12.3 %", .0004: "0.040 %", .99972: "99.972 %", .5: "50 %", 1e-9: "0.0000 %", .995: "99.50 %"} {
		if got := number(view.Percent, f); got != want {
			t.Errorf("%v: %q, not %q", f, got, want)
		}
	}
}
