package figure

import (
	"math"
	"testing"
	"time"
)

// What is little is said with its doubt, and nothing is no share at all.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		share     Share
		low, high float64
	}{{Share{1, 1}, .2065, 1}, {Share{0, 10}, 0, .2775}, {Share{5, 10}, .2366, .7634}, {Share{950, 1000}, .9347, .9619}, {Share{}, 0, 1}} {
		low, high := c.share.Bounds()
		if math.Abs(low-c.low) > .0001 || math.Abs(high-c.high) > .0001 {
			t.Errorf("%+v: %.4f to %.4f, want %.4f to %.4f", c.share, low, high, c.low, c.high)
		}
	}
	if v := (Share{}).Value(); !math.IsNaN(v) {
		t.Errorf("nothing has the share %g", v)
	}
}

func TestTimes(t *testing.T) {
	got := timesOf([]time.Duration{4, 1, 3, 2, 90}, 2)
	if want := (Times{N: 5, Mean: 20, Median: 3, P90: 90, Open: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := timesOf([]time.Duration{1, 4}, 0); got.Median != 2 || got.P90 != 4 {
		t.Errorf("%+v", got)
	}
	if got := timesOf(nil, 1); got != (Times{Open: 1}) {
		t.Errorf("%+v", got)
	}
}

// Detection is judged by what people judged alone; what nobody judged is told, and in no share.
func TestWork(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	soon, late := at.Add(time.Minute), at.Add(InTime+time.Minute)
	w := workOf([]Incident{
		{Level: "high", Verdict: "true", First: at, Opened: soon, Responded: soon.Add(time.Second), Closed: soon.Add(time.Hour)},
		{Level: "high", Verdict: "true", First: at, Opened: late, Responded: late.Add(3 * time.Second)},
		{Level: "low", Verdict: "true", Reported: true, First: at, Opened: soon},
		{Level: "low", Verdict: "false", First: at, Opened: soon, Closed: soon.Add(time.Minute)},
		{Level: "low", Verdict: "false", Reported: true, First: at, Opened: soon, Closed: soon.Add(time.Minute)},
		{Level: "low", First: at, Opened: soon},
	}, false)
	if w.Detection != (Share{1, 3}) || w.Late != 1 || w.Reported != 1 || w.FalseShare != (Share{1, 3}) || w.Unjudged != 1 || w.StillOpen != 3 {
		t.Errorf("%+v", w)
	}
	if w.Detect.N != 4 || w.Respond.N != 2 || w.Respond.Open != 2 || w.Respond.Median != 2*time.Second || w.Close.N != 3 {
		t.Errorf("%+v, %+v, %+v", w.Detect, w.Respond, w.Close)
	}
}
