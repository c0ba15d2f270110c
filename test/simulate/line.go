package main

import (
	"math/rand/v2"
	"strconv"
	"time"
)

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// text is n random letters, as the gateway's ids have them.
func (w *world) text(n int) string {
	return string(appendText(nil, w.rng, n))
}

func appendText(b []byte, r *rand.Rand, n int) []byte {
	for n > 0 {
		for v, i := r.Uint64(), 0; i < 12 && n > 0; i, n = i+1, n-1 {
			b = append(b, letters[v&31])
			v >>= 5
		}
	}
	return b
}

// begin opens the line of an event. head is its category, type, action and outcome as JSON: see head.
func (w *world) begin(head string) {
	w.events++
	b := append(w.buf[:0], `{"@timestamp":"`...)
	if s := w.now / 1e6; s != w.second || w.stamp == nil {
		w.second = s
		w.stamp = time.Unix(s, 0).UTC().AppendFormat(w.stamp[:0], "2006-01-02T15:04:05")
	}
	b = append(b, w.stamp...)
	b = append(b, '.')
	for micros, unit := w.now%1e6, int64(100_000); unit > 0; unit /= 10 {
		b = append(b, byte('0'+micros/unit%10))
	}
	b = append(b, `Z","event.id":"`...)
	b = append(b, w.prefix...)
	b = strconv.AppendInt(b, w.events, 36)
	b = append(b, `",`...)
	b = append(b, head...)
	w.buf = b
	if a := w.acting; a != nil && a.camp != nil {
		w.truth.event(a.camp, w.prefix, w.events, w.now)
	}
}

// node is on every event.
const node = `,"gateway.node":"gateway-k7qd"}` + "\n"

// finish closes the line and writes it.
func (w *world) finish() {
	w.buf = append(w.buf, node...)
	_, err := w.out.Write(w.buf)
	w.fail(err)
}

// head is the beginning of an event of a kind, made once: map look-ups by action would cost more than the rest of the line.
func head(category, kind, action, outcome string) string {
	return `"event.category":"` + category + `","event.type":"` + kind + `","event.action":"` + action + `","event.outcome":"` + outcome + `"`
}

// str appends a member whose value needs no escapes; "" is left out.
func (w *world) str(name, value string) {
	if value == "" {
		return
	}
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `":"`...)
	w.buf = append(w.buf, value...)
	w.buf = append(w.buf, '"')
}

// num appends a number; 0 is left out.
func (w *world) num(name string, value int64) {
	if value != 0 {
		w.count(name, value)
	}
}

// count appends a number, also 0.
func (w *world) count(name string, value int64) {
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `":`...)
	w.buf = strconv.AppendInt(w.buf, value, 10)
}

func (w *world) flag(name string, value bool) {
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `":`...)
	w.buf = strconv.AppendBool(w.buf, value)
}

func (w *world) list(name string, values ...string) {
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, `":[`...)
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, '"')
		w.buf = append(w.buf, v...)
		w.buf = append(w.buf, '"')
	}
	w.buf = append(w.buf, ']')
}

// raw appends members that are JSON already, each with a comma before it.
func (w *world) raw(members string) { w.buf = append(w.buf, members...) }
