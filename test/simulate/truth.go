package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// truth is what really happens, written beside the events: nobody who detects sees it. One JSON object a line: subjects and events of campaigns as
// they come, each campaign at the end, and then the run.
type truth struct {
	out   *bufio.Writer
	list  []*campaign
	noise *campaign
	buf   []byte
	err   error
}

// noisy is the kind of what scans everybody.
const noisy = "background"

type truthLine struct {
	Campaign string     `json:"campaign,omitempty"`
	Event    string     `json:"event,omitempty"`
	Subject  string     `json:"subject,omitempty"` // as finding.Subject.String has it
	Kind     string     `json:"kind,omitempty"`
	Speed    string     `json:"speed,omitempty"`
	Spread   string     `json:"spread,omitempty"`
	First    *time.Time `json:"first,omitempty"`
	Last     *time.Time `json:"last,omitempty"`
	Events   int64      `json:"events,omitempty"`
	Users    int        `json:"users,omitempty"` // of the run
	Days     int        `json:"days,omitempty"`
	Seed     uint64     `json:"seed,omitempty"`
}

func newTruth(out io.Writer) *truth {
	t := &truth{out: bufio.NewWriterSize(out, 1<<16)}
	t.noise = t.begin(noisy, "", "")
	return t
}

func (t *truth) begin(kind, speed, spread string) *campaign {
	c := &campaign{kind: kind, speed: speed, spread: spread, subjects: map[string]bool{}}
	t.list = append(t.list, c)
	return c
}

// event says whose part an event is.
func (t *truth) event(c *campaign, prefix string, n, now int64) {
	if c.first == 0 {
		c.first = now
	}
	c.last = now
	c.events++
	b := append(t.buf[:0], `{"campaign":"`...)
	b = append(b, c.String()...)
	b = append(b, `","event":"`...)
	b = append(b, prefix...)
	b = strconv.AppendInt(b, n, 36)
	t.buf = append(b, "\"}\n"...)
	_, err := t.out.Write(t.buf)
	t.fail(err)
}

func (t *truth) subject(c *campaign, kind, id string) {
	name := kind + ":" + id
	if c.subjects[name] {
		return
	}
	c.subjects[name] = true
	t.write(truthLine{Campaign: c.String(), Subject: name})
}

func (t *truth) finish(w *world) error {
	for _, c := range t.list {
		if c.events == 0 {
			continue
		}
		first, last := time.UnixMicro(c.first).UTC(), time.UnixMicro(c.last).UTC()
		t.write(truthLine{Campaign: c.String(), Kind: c.kind, Speed: c.speed, Spread: c.spread, First: &first, Last: &last, Events: int64(c.events)})
	}
	t.write(truthLine{Users: w.o.users, Days: w.o.days, Seed: w.o.seed, Events: w.events})
	if t.err == nil {
		t.err = t.out.Flush()
	}
	return t.err
}

func (t *truth) write(l truthLine) {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = t.out.Write(append(b, '\n'))
	}
	t.fail(err)
}

func (t *truth) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}
