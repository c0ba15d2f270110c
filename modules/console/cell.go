package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// cell is one value as pages show it.
type cell struct {
	Label string    `json:"l,omitempty"` // the column's title
	Text  string    `json:"t,omitempty"`
	Whole string    `json:"w,omitempty"` // where Text is a part of it
	Time  string    `json:"d,omitempty"` // of a time, as programs read it
	Kind  view.Kind `json:"k,omitempty"`
	Tone  view.Tone `json:"o,omitempty"`
	Href  string    `json:"h,omitempty"`
	Less  bool      `json:"x,omitempty"` // narrow screens leave it out
	Many  []cell    `json:"m,omitempty"` // of Texts
}

const (
	mostCell  = 2000 // characters of a cell
	mostTexts = 50   // of one
	shortID   = 12
)

// Long tells whether the text needs a wide column.
func (c cell) Long() bool { return c.Kind == view.Text && len(c.Text) > 40 }

// shownCell makes a cell of a value. What is not of its kind is shown as it is.
func shownCell(kind view.Kind, v any, tone view.Tone) cell {
	c := cell{Kind: kind, Tone: tone}
	switch t := v.(type) {
	case nil:
	case time.Time:
		if !t.IsZero() {
			c.Text, c.Time = t.UTC().Format("2006-01-02 15:04:05"), t.UTC().Format(time.RFC3339Nano)
		}
	case time.Duration:
		c.Text = duration(t)
	case bool:
		c.Text = map[bool]string{true: "yes", false: "no"}[t]
	case []string:
		for _, s := range t[:min(len(t), mostTexts)] {
			c.Many = append(c.Many, cell{Text: cut(s)})
		}
		if len(t) > mostTexts {
			c.Many = append(c.Many, cell{Text: fmt.Sprintf("and %d more", len(t)-mostTexts)})
		}
	case string:
		c.Text = cut(t)
	default:
		c.Text = number(kind, v)
	}
	if kind == view.Level && tone == view.Plain {
		c.Tone = levelTone(c.Text)
	}
	if kind == view.ID && len(c.Text) > shortID+4 {
		c.Whole, c.Text = c.Text, c.Text[:shortID]+"…"
	}
	return c
}

func cut(s string) string {
	if runes := []rune(s); len(runes) > mostCell {
		return string(runes[:mostCell]) + "…"
	}
	return s
}

// levelTone is the colour of a level of finding and incident.
func levelTone(level string) view.Tone {
	switch level {
	case "critical", "high":
		return view.Bad
	case "medium":
		return view.Warn
	}
	return view.Muted
}

func number(kind view.Kind, v any) string {
	f, ok := asFloat(v)
	switch {
	case !ok:
		return cut(fmt.Sprint(v))
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "–"
	case kind == view.Percent:
		return strconv.FormatFloat(f*100, 'f', max(decimals(f*100), beside(f)), 64) + " %"
	case kind == view.Bytes:
		return size(f)
	case kind == view.Duration:
		return duration(time.Duration(f * float64(time.Second)))
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return grouped(strconv.FormatInt(int64(f), 10))
	}
	return strconv.FormatFloat(f, 'f', decimals(f), 64)
}

func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case uint64:
		return float64(n), true
	case uint32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// decimals that tell something of a figure of that size.
func decimals(f float64) int {
	switch f = math.Abs(f); {
	case f == math.Trunc(f) || f >= 1000:
		return 0
	case f >= 10:
		return 1
	}
	return 2
}

// beside is how many decimals of a percentage tell it from 0 % and 100 %: 99.97 % is not all.
func beside(share float64) int {
	edge := min(math.Abs(share), math.Abs(1-share))
	if edge == 0 || edge >= .01 {
		return 0
	}
	return min(4, int(math.Ceil(-math.Log10(edge)))-1)
}

// grouped has commas between thousands.
func grouped(s string) string {
	digits := strings.TrimPrefix(s, "-")
	var b strings.Builder
	if len(digits) < len(s) {
		b.WriteByte('-')
	}
	for i, d := range []byte(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(d)
	}
	return b.String()
}

func size(f float64) string {
	unit := 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for math.Abs(f) >= 1024 && unit < len(units)-1 {
		f /= 1024
		unit++
	}
	return strconv.FormatFloat(f, 'f', min(decimals(f), 1), 64) + " " + units[unit]
}

// duration in the one or two units that matter.
func duration(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs == 0:
		return "0 s"
	case abs < time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e3, 'f', decimals(float64(d)/1e3), 64) + " µs"
	case abs < time.Second:
		return strconv.FormatFloat(float64(d)/1e6, 'f', decimals(float64(d)/1e6), 64) + " ms"
	case abs < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', decimals(d.Seconds()), 64) + " s"
	case abs < time.Hour:
		return two(int64(d/time.Minute), "min", int64(d/time.Second)%60, "s")
	case abs < 48*time.Hour:
		return two(int64(d/time.Hour), "h", int64(d/time.Minute)%60, "min")
	}
	return two(int64(d/(24*time.Hour)), "d", int64(d/time.Hour)%24, "h")
}

func two(a int64, unit string, b int64, smaller string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, max(b, -b), smaller)
}
