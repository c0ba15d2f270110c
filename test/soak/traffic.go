package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// load is the traffic. What it is answered goes into the tally, what was acknowledged into the ledger.
type load struct {
	t      kit.T
	site   *site
	tally  *tally
	ledger *ledger
	people []*person
	victim string // whose password is guessed

	insider *person // who attacks
	rooms   []string

	places, hideouts atomic.Uint32 // how many addresses were used

	mu    sync.Mutex
	files []file // the last ones that were uploaded
}

type file struct {
	id  string
	sum [sha256.Size]byte
}

const mostFiles = 64

// call is a request.
type call struct {
	kind, from, token, method, path string
	body                            any
	header                          [2]string
}

// ask sends it by way of the load balancer, and notes what became of it: nil where there was no answer.
func (l *load) ask(q call) *kit.Answer {
	i := l.site.Pick()
	c := *l.site.Via[i]
	c.Access = q.token
	opts := []kit.Opt{kit.With("X-Forwarded-For", q.from)}
	if q.header[0] != "" {
		opts = append(opts, kit.With(q.header[0], q.header[1]))
	}
	began := time.Now()
	a, err := c.Try(q.method, q.path, q.body, opts...)
	if err != nil {
		l.tally.note(q.kind, noAnswer, fmt.Sprintf("gateway-%d: %v", i+1, err), began)
		return nil
	}
	l.tally.note(q.kind, fmt.Sprint(a.Status), fmt.Sprintf("gateway-%d: %s %s from %s: %.300s", i+1, q.method, q.path, q.from, a.Body), began)
	return a
}

// as is a call of a person.
func (l *load) as(p *person, kind, method, path string, body any) *kit.Answer {
	return l.ask(call{kind: kind, from: p.from, token: p.token(), method: method, path: path, body: body})
}

func (l *load) someone() *person { return l.people[rand.IntN(len(l.people))] }
func (l *load) room() string     { return l.rooms[rand.IntN(len(l.rooms))] }

// every does something again and again until ctx ends, several times a second or seldom. Who is late does not hurry.
func (l *load) every(ctx context.Context, pause time.Duration, do func()) {
	for {
		wait := pause/2 + rand.N(pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		do()
	}
}

// run starts all traffic but the sockets, which have their own file. It ends with ctx, and the group with it.
func (l *load) run(ctx context.Context, pace float64, all *sync.WaitGroup) {
	at := func(perSecond float64, do func()) {
		all.Go(func() { l.every(ctx, time.Duration(float64(time.Second)/perSecond/pace), do) })
	}
	for range 2 {
		at(5, l.read)
		at(2, l.post)
	}
	at(1, func() { l.as(l.someone(), "rooms", "GET", "/api/rooms", nil) })
	at(.5, l.upload)
	at(1, l.download)
	at(.2, func() { l.visit(l.without()) })
	at(.1, l.secondFactor)
	at(2, l.newAttacker().attack)
	at(1, l.newAttacker().forge)
	at(.5, l.newAttacker().guess)
	at(.5, l.stray)
	for _, p := range append(slices.Clone(l.people), l.insider) {
		all.Go(func() { l.every(ctx, time.Duration(100/pace)*time.Second, func() { l.renew(p) }) })
	}
}

func (l *load) read() {
	path := kit.RoomPath(l.room(), "messages") + "?limit=20"
	l.as(l.someone(), "read", "GET", path, nil)
}

// post says something, and takes back every sixth.
func (l *load) post() {
	p, room := l.someone(), l.room()
	mark := l.ledger.begin(room)
	a := l.as(p, "post", "POST", kit.RoomPath(room, "messages"), map[string]string{"text": sentence(mark)})
	var m kit.Message
	if a == nil || a.Status != http.StatusCreated || json.Unmarshal(a.Body, &m) != nil {
		return
	}
	l.ledger.acked(mark, m.ID, false)
	if rand.IntN(6) == 0 {
		a := l.as(p, "delete", "DELETE", kit.RoomPath(room, "messages", m.ID), nil)
		l.ledger.gone(mark, a != nil && a.Status == http.StatusNoContent)
	}
}

// sentence is what people say, with a mark by which it is found again.
func sentence(mark string) string {
	return pick(openings) + " " + pick(middles) + ", " + mark + " " + pick(ends)
}

var (
	openings = []string{"Good morning", "Hello everyone", "See you later", "Thanks a lot", "By the way", "Grüße aus Köln"}
	middles  = []string{"the train was late again", "lunch is at half past twelve", "I have put the slides into the folder", "who is coming on Friday", "the coffee machine works again 🎉"}
	ends     = []string{"and that is all.", "as we said yesterday!", "what do you think?", "I will be there at nine.", "🙂"}
)

func pick(from []string) string { return from[rand.IntN(len(from))] }

// upload sends a picture of noise, of 10 to 300 KB.
func (l *load) upload() {
	size := 50 + rand.IntN(250)
	noise := image.NewGray(image.Rect(0, 0, size*4, size))
	for i := range noise.Pix {
		noise.Pix[i] = byte(rand.Uint32())
	}
	var picture, form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "noise.png")
	if err == nil {
		err = png.Encode(&picture, noise)
	}
	if err == nil {
		_, err = part.Write(picture.Bytes())
	}
	if err != nil || w.Close() != nil {
		l.t.Errorf("making a picture: %v", err)
		return
	}
	p := l.someone()
	a := l.ask(call{kind: "upload", from: p.from, token: p.token(), method: "POST", path: kit.RoomPath(l.room(), "files"), body: form.Bytes(),
		header: [2]string{"Content-Type", w.FormDataContentType()}})
	var f struct{ ID string }
	if a == nil || a.Status != http.StatusCreated || json.Unmarshal(a.Body, &f) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files = append(l.files, file{f.ID, sha256.Sum256(picture.Bytes())}); len(l.files) > mostFiles {
		l.files = l.files[1:]
	}
}

// download asks for one of the last files, and sees that it is what was sent.
func (l *load) download() {
	l.mu.Lock()
	if len(l.files) == 0 {
		l.mu.Unlock()
		return
	}
	f := l.files[rand.IntN(len(l.files))]
	l.mu.Unlock()
	began := time.Now()
	if a := l.as(l.someone(), "download", "GET", "/api/files/"+f.id, nil); a != nil && a.Status == http.StatusOK && sha256.Sum256(a.Body) != f.sum {
		l.tally.note("download", "other bytes", f.id, began)
	}
}

// without is somebody who signs in with a password alone.
func (l *load) without() *person {
	for {
		if p := l.someone(); p.TOTPSecret == "" {
			return p
		}
	}
}

// secondFactor signs somebody in whose next code is there.
func (l *load) secondFactor() {
	for _, p := range l.people {
		if p.TOTPSecret != "" && p.rested() {
			l.visit(p)
			return
		}
	}
}

// stray is what people's programs do wrong, from somewhere else each time: who sends what the WAF finds too large again and again is shown a puzzle.
func (l *load) stray() {
	p, room := l.someone(), l.room()
	q := call{from: l.somewhere(), token: p.token(), method: "POST", path: kit.RoomPath(room, "messages")}
	switch rand.IntN(3) {
	case 0:
		q.kind, q.method, q.path = "not theirs", "GET", kit.RoomPath("nobody-has-made-this-room", "messages")
	case 1:
		q.kind, q.body = "malformed", map[string]any{"text": 7}
	case 2:
		q.kind, q.body = "too large", map[string]string{"text": strings.Repeat("so long ", 40_000)}
	}
	l.ask(q)
}
