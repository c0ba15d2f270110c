package view

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of questions.
const (
	MostRows    = 1000 // of a page
	UsualRows   = 100
	MostExport  = 100_000 // rows of one export
	mostValue   = 512     // bytes of a filter's value
	mostAfter   = 2048
	mostField   = 1024 // bytes of an action's field, where it says nothing else
	mostLooking = 20 * 365 * 24 * time.Hour
)

// Errors that whoever shows a view tells apart.
var (
	ErrNotFound  = errors.New("there is no such thing")
	ErrMalformed = errors.New("it can't be asked so")
	ErrConflict  = errors.New("somebody changed it meanwhile")
	ErrRefused   = errors.New("it is refused") // what it wraps may be shown
)

// Conflict is an ErrConflict that says what was changed since the version that an order saw.
type Conflict struct{ Since []Moment }

// Error implements error.
func (c *Conflict) Error() string { return ErrConflict.Error() }

// Unwrap makes it an ErrConflict.
func (c *Conflict) Unwrap() error { return ErrConflict }

// Names of parameters that are no filters.
const (
	ParamSort  = "sort"
	ParamAfter = "after"
	ParamLimit = "limit"
)

// Ask makes a query of the parameters of an address. Those that the view does not know are refused. Errors wrap ErrMalformed.
func (v *View) Ask(values url.Values, who Person, now time.Time) (Query, error) {
	q := Query{Who: who, Limit: UsualRows, values: map[string]string{}, now: now}
	for name, all := range values {
		if len(all) != 1 {
			return q, malformed("%s is given more than once", shown(name))
		}
		if err := v.take(&q, name, strings.TrimSpace(all[0])); err != nil {
			return q, err
		}
	}
	for _, f := range v.Filters {
		if _, ok := q.values[f.Name]; !ok && f.Default != "" {
			q.values[f.Name] = f.Default
		}
	}
	return q, nil
}

func (v *View) take(q *Query, name, value string) error {
	switch name {
	case ParamSort:
		q.Sort, q.Desc = strings.CutPrefix(value, "-")
		if q.Desc {
			q.Sort = strings.TrimPrefix(value, "-")
		} else {
			q.Sort = value
		}
		if value != "" && !slices.ContainsFunc(v.Columns, func(c Column) bool { return c.Sort && c.Name == q.Sort }) {
			return malformed("it can't be sorted by %s", shown(q.Sort))
		}
		return nil
	case ParamAfter:
		if len(value) > mostAfter {
			return malformed("after is what a page before said")
		}
		q.After = value
		return nil
	case ParamLimit:
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MostRows {
			return malformed("limit is a number from 1 to %d", MostRows)
		}
		q.Limit = n
		return nil
	}
	at := slices.IndexFunc(v.Filters, func(f Filter) bool { return f.Name == name })
	if at < 0 {
		return malformed("there is no filter %s: there are %s", shown(name), strings.Join(v.filterNames(), ", "))
	}
	f := v.Filters[at]
	if value == "" { // as a form gives it: also instead of the default
		q.values[name] = ""
		return nil
	}
	if err := check(f.Kind, f.Choices, value, mostValue, false, q.now); err != nil {
		return fmt.Errorf("%s: %w", f.Title, err)
	}
	q.values[name] = value
	return nil
}

func (v *View) filterNames() []string {
	names := make([]string, 0, len(v.Filters))
	for _, f := range v.Filters {
		names = append(names, f.Name)
	}
	return names
}

// Value is that of a filter; "" it was not given.
func (q Query) Value(name string) string { return q.values[name] }

// Values are those of the filters, as they were given or are by default.
func (q Query) Values() map[string]string { return maps.Clone(q.values) }

// Time is the value of a Time filter; zero where it was not given.
func (q Query) Time(name string) time.Time {
	t, _ := parseTime(q.values[name], q.now) // checked by Ask
	return t
}

// Number is the value of a Number filter; 0 where it was not given.
func (q Query) Number(name string) float64 {
	n, _ := strconv.ParseFloat(q.values[name], 64) // checked by Ask
	return n
}

// Flag is the value of a Flag filter.
func (q Query) Flag(name string) bool { return q.values[name] == "true" }

// Now is when it was asked.
func (q Query) Now() time.Time { return q.now }

// Order makes an order of an action's fields. Those that the action does not know are refused. Errors wrap ErrMalformed.
func (a *Action) Order(who Person, id, version string, values map[string]string, now time.Time) (Order, error) {
	o := Order{Who: who, ID: id, Version: version, Values: map[string]string{}}
	for name := range values {
		if !slices.ContainsFunc(a.Fields, func(f Field) bool { return f.Name == name }) {
			return o, malformed("the action knows no %s", shown(name))
		}
	}
	for _, f := range a.Fields {
		value, given := values[f.Name]
		if !f.Lines {
			value = strings.TrimSpace(value)
		}
		if !given {
			value = f.Default
		}
		if value == "" {
			if f.Required {
				return o, malformed("%s is needed", f.Title)
			}
			continue
		}
		most := f.Most
		if most == 0 {
			most = mostField
		}
		if err := check(f.Kind, f.Choices, value, most, f.Lines, now); err != nil {
			return o, fmt.Errorf("%s: %w", f.Title, err)
		}
		o.Values[f.Name] = value
	}
	return o, nil
}

// check tells whether a value is of a kind.
func check(k Kind, choices []string, value string, most int, lines bool, now time.Time) error {
	if len(value) > most {
		return malformed("it has more than %d bytes", most)
	}
	bad := func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n' && r != '\r' && r != '\t') }
	if !utf8.ValidString(value) || strings.ContainsFunc(value, bad) {
		return malformed("it is text without control characters")
	}
	switch k {
	case Number:
		if n, err := strconv.ParseFloat(value, 64); err != nil || n != n || n > 1e15 || n < -1e15 {
			return malformed("it is a number")
		}
	case Time:
		if _, err := parseTime(value, now); err != nil {
			return err
		}
	case Duration:
		if d, err := time.ParseDuration(value); err != nil || d < 0 {
			return malformed("it is a time as 90s, 15m or 24h")
		}
	case Flag:
		if value != "true" && value != "false" {
			return malformed("it is true or false")
		}
	case Choice, Level:
		if !slices.Contains(choices, value) {
			return malformed("it is one of %s", strings.Join(choices, ", "))
		}
	case Address:
		if _, err := netip.ParseAddr(value); err != nil {
			if _, err := netip.ParsePrefix(value); err != nil {
				return malformed("it is an address or a prefix, as 192.0.2.1 or 2001:db8::/64")
			}
		}
	}
	return nil
}

// parseTime reads 2006-01-02T15:04:05Z, a day, what a browser's field gives (UTC), or a time ago as -1h or -7d.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		if days, ok := strings.CutSuffix(ago, "d"); ok {
			if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= int(mostLooking/(24*time.Hour)) {
				return now.AddDate(0, 0, -n), nil
			}
		}
		if d, err := time.ParseDuration(ago); err == nil && d >= 0 && d <= mostLooking {
			return now.Add(-d), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, malformed("it is a time as 2026-01-31, 2026-01-31T12:00:00Z, -1h or -7d")
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// shown is a name from outside, short and quoted.
func shown(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return strconv.QuoteToASCII(s)
}

// Reason is a word for what an error says, which holds nothing of it: it may stand in an event.
func Reason(err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "not found"
	case errors.Is(err, ErrMalformed):
		return "malformed"
	case errors.Is(err, ErrConflict):
		return "changed meanwhile"
	case errors.Is(err, ErrRefused):
		return "refused"
	}
	return "failed"
}
