// Package ecs is one event as detection reads it: what the bus wrote as a JSON object, flat, under its ECS names.
package ecs

import (
	"slices"
	"strconv"
	"time"
)

// Kind of a value.
type Kind uint8

// Kinds.
const (
	Text Kind = iota
	Number
	Bool
	Null
)

// Value is one value of a field. It stays good after the event is used again.
type Value struct {
	Kind Kind
	Text string // as JSON writes numbers, booleans and null
}

// Number reads v: a number, or a text that is one.
func (v Value) Number() (float64, bool) {
	if v.Kind > Number || len(v.Text) == 0 || len(v.Text) > 40 || v.Text[0] > '9' {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	return f, err == nil
}

// Field is one value under its name. An array's values stand one after another under one name.
type Field struct {
	Name string
	Hash uint32 // of the name, see Hash
	Value
}

// Event is one event. The zero value is an empty one, and Parse uses it again: one goroutine at a time has it.
type Event struct {
	fields []Field
	seen   [4]uint64 // a filter over the names' hashes, so that a name that comes twice is found
	name   []byte    // of the field that is read
}

// Fields gives all values. They are good until the next Parse or Set.
func (e *Event) Fields() []Field { return e.fields }

// Hash is what names are looked up by: of their length, and of their first, middle and last eight bytes, which tells the names of events apart at the
// price of three loads. Whoever finds a name by it compares the name.
func Hash(name string) uint32 {
	h := uint64(len(name)) * 0x9e3779b97f4a7c15
	if len(name) < 8 {
		for i := range len(name) {
			h = (h ^ uint64(name[i])) * 0x100000001b3
		}
	} else {
		h = (h ^ word(name)) * 0xff51afd7ed558ccd
		h = (h ^ h>>32 ^ word(name[len(name)/2-4:])) * 0xc4ceb9fe1a85ec53
		h = (h ^ h>>32 ^ word(name[len(name)-8:])) * 0xff51afd7ed558ccd
	}
	return uint32(h >> 32)
}

// word is the first eight bytes of s, as one number.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// find gives where a field's values begin and end.
func (e *Event) find(name string, hash uint32) (from, to int) {
	for from = range e.fields {
		if e.fields[from].Hash != hash || e.fields[from].Name != name {
			continue
		}
		for to = from + 1; to < len(e.fields) && e.fields[to].Hash == hash && e.fields[to].Name == name; {
			to++
		}
		return from, to
	}
	return 0, 0
}

// Text gives a field's first value as text; "" where it has none.
func (e *Event) Text(name string) string {
	from, to := e.find(name, Hash(name))
	if from == to || e.fields[from].Kind == Null {
		return ""
	}
	return e.fields[from].Value.Text
}

// Number gives a field's first value as a number.
func (e *Event) Number(name string) (float64, bool) {
	from, to := e.find(name, Hash(name))
	if from == to {
		return 0, false
	}
	return e.fields[from].Number()
}

// Values gives all values of a field, in the event's order. It allocates; the matcher reads Fields.
func (e *Event) Values(name string) []Value {
	from, to := e.find(name, Hash(name))
	if from == to {
		return nil
	}
	all := make([]Value, 0, to-from)
	for _, f := range e.fields[from:to] {
		all = append(all, f.Value)
	}
	return all
}

// Has tells whether there is such a field, though its value may be empty or null.
func (e *Event) Has(name string) bool {
	from, to := e.find(name, Hash(name))
	return from < to
}

// Set gives a field one text as its only value: what is known of an event but not written into it.
func (e *Event) Set(name, text string) {
	hash := Hash(name)
	from, to := e.find(name, hash)
	e.fields = slices.Delete(e.fields, from, to)
	e.mark(hash)
	e.fields = append(e.fields, Field{name, hash, Value{Text, text}})
}

// ID is event.id.
func (e *Event) ID() string { return e.Text("event.id") }

// Time is @timestamp; zero where it is missing or no time of RFC 3339.
func (e *Event) Time() time.Time {
	at := e.Text("@timestamp")
	if t, ok := quickTime(at); ok {
		return t
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// quickTime reads what the bus writes: 2006-01-02T15:04:05.000000Z.
func quickTime(s string) (time.Time, bool) {
	if len(s) != 27 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[26] != 'Z' {
		return time.Time{}, false
	}
	var n [7]int
	for i, part := range [7][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}, {20, 26}} {
		for _, c := range []byte(s[part[0]:part[1]]) {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 28 && n[2] > days(n[0], n[1]) || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, false
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1000, time.UTC), true
}

func days(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
