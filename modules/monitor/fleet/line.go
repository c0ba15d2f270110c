package fleet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Bounds of a line.
const (
	maxValue  = 512 // of a value, cut
	maxValues = 16  // of a field
	maxLine   = 16 << 10
)

// partitionOf is where a group is counted: by the first of the values that name it, so that all that is counted of one address or one user is in one place.
func partitionOf(key []byte) int {
	if len(key) > 3 {
		n := int(key[0])<<16 | int(key[1])<<8 | int(key[2])
		key = key[:min(3+n, len(key))]
	}
	h := fnv.New32a()
	_, _ = h.Write(key) // takes everything
	return int(h.Sum32() % Partitions)
}

// A line is "h DIGEST PART EVENT", a hit with its event as one JSON object that has the fields that matter, or "t RULE SUBJECT-KEY TIME", what was told.
func hitLine(h *correlate.Hit) []byte {
	b := make([]byte, 0, 512)
	b = append(b, "h "...)
	b = hex.AppendEncode(b, h.Correlation.Digest[:])
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(h.Part), 10)
	b = append(b, ' ')
	at := h.Event.Time()
	if at.IsZero() {
		at = time.Now()
	}
	b = append(b, `{"@timestamp":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, '"')
	b = appendField(b, h.Event, "event.id")
	for _, name := range h.Needs {
		if name != "@timestamp" && name != "event.id" {
			b = appendField(b, h.Event, name)
		}
	}
	return append(b, '}')
}

func appendField(b []byte, e *ecs.Event, name string) []byte {
	n := 0
	for _, f := range e.Fields() {
		if f.Name != name || f.Kind == ecs.Null || n == maxValues || len(b) > maxLine {
			continue
		}
		if n == 0 {
			b = append(b, ',')
			b = appendText(b, name)
			b = append(b, ":["...)
		} else {
			b = append(b, ',')
		}
		n++
		if f.Kind == ecs.Text {
			b = appendText(b, f.Value.Text)
		} else {
			b = append(b, f.Value.Text...) // as JSON has it
		}
	}
	if n > 0 {
		b = append(b, ']')
	}
	return b
}

func appendText(b []byte, s string) []byte {
	if len(s) > maxValue {
		s = s[:maxValue]
	}
	quoted, err := json.Marshal(s)
	if err != nil { // of a string there is none
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

func toldLine(r *detect.Rule, f *finding.Finding) []byte {
	b := append([]byte("t "), hex.EncodeToString(r.Digest[:])...)
	b = append(b, ' ')
	b = append(b, strconv.FormatInt(f.Last.UnixMicro(), 10)...)
	b = append(b, ' ')
	subjects, err := json.Marshal(f.Subjects)
	if err != nil { // of strings there is none
		return nil
	}
	return append(b, subjects...)
}

// line is one that was read.
type line struct {
	digest   [32]byte
	part     int        // of a hit
	event    *ecs.Event // nil: it says what was told
	at       time.Time
	subjects []finding.Subject
}

var errLine = errors.New("not a line of this fleet")

func parseLine(raw []byte) (l line, err error) {
	if len(raw) < 70 || len(raw) > 2*maxLine || raw[1] != ' ' || raw[66] != ' ' {
		return l, errLine
	}
	if _, err := hex.Decode(l.digest[:], raw[2:66]); err != nil {
		return l, errLine
	}
	number, rest, ok := bytes.Cut(raw[67:], []byte{' '})
	n, err := strconv.ParseInt(string(number), 10, 64)
	if !ok || err != nil {
		return l, errLine
	}
	switch raw[0] {
	case 'h':
		if n < 0 || n > 1<<16 {
			return l, errLine
		}
		l.part, l.event = int(n), new(ecs.Event)
		return l, l.event.Parse(rest)
	case 't':
		l.at = time.UnixMicro(n)
		return l, json.Unmarshal(rest, &l.subjects)
	}
	return l, errLine
}
