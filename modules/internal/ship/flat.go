package ship

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// flat is an event's line, read: its fields by their names. The names of the event's fields have dots; nothing is nested but lists.
type flat struct {
	line   []byte
	fields map[string]any // string, json.Number, bool, []any, map[string]any
}

// readFlat reads a line that the bus wrote.
func readFlat(line []byte) (*flat, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber() // a 64-bit count is no double
	f := &flat{line: bytes.TrimRight(line, "\r\n")}
	if err := d.Decode(&f.fields); err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	return f, nil
}

// text is a field as text; "" where there is none.
func (f *flat) text(name string) string {
	switch v := f.fields[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any: // of several the first
		if len(v) > 0 {
			first, _ := v[0].(string) // "" of what is none
			return first
		}
	}
	return ""
}

func (f *flat) number(name string) (int64, bool) {
	v, ok := f.fields[name].(json.Number)
	if !ok {
		return 0, false
	}
	if n, err := v.Int64(); err == nil {
		return n, true
	}
	x, err := v.Float64()
	return int64(x), err == nil
}

// list is a field's values as text.
func (f *flat) list(name string) []string {
	var all []string
	values, ok := f.fields[name].([]any)
	if !ok {
		if s := f.text(name); s != "" {
			all = append(all, s)
		}
		return all
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case json.Number:
			all = append(all, v.String())
		}
	}
	return all
}

func (f *flat) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, f.text("@timestamp"))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (f *flat) level() Level {
	given := ""
	for _, name := range levelFields {
		if s := f.text(name); s != "" {
			given = s
		}
	}
	return levelOf(f.text("event.action"), f.text("event.category"), f.text("event.outcome"), len(f.list("rule.id")) > 0, given)
}
