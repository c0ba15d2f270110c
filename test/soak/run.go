package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// run is one soak.
type run struct {
	t     kit.T
	o     options
	site  *site
	load  *load
	probe *person // who asks whether all is well

	began    time.Time
	lasted   time.Duration
	suffered map[string][]time.Duration
	drained  []drained
	audit    audit
	logged   map[string]int // errors that are explained, by logger
	unlogged []line         // and those that are not
}

// inMemory has everything written to memory, where there is such a folder with room for an hour: the chat waits for its disk to write each message,
// and how long a disk takes that others write to as well would be judged.
func inMemory(t kit.T) {
	t.Helper()
	kit.Binaries(t) // they are not built there: nothing may be run from some such folders
	const folder, room = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > room && os.Getenv("TMPDIR") == "" {
		if err := os.Setenv("TMPDIR", folder); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

// soak is the whole of it.
func soak(t kit.T, o options) *run {
	t.Helper()
	inMemory(t)
	r := &run{t: t, o: o, site: startSite(t), began: time.Now(), suffered: map[string][]time.Duration{}}
	r.populate(t)
	before := r.idle()
	ctx, cancel := context.WithCancel(context.Background())
	var watching, traffic sync.WaitGroup
	watched, stopWatch := context.WithCancel(context.Background())
	watching.Go(func() { r.site.watch(watched, o.sample) })
	r.load.run(ctx, o.pace, &traffic)
	for i := range o.sockets {
		traffic.Go(func() {
			r.load.sockets(ctx, r.load.people[i%len(r.load.people)], time.Duration(float64(speakEvery)/o.pace))
		})
	}
	defer func() { // also where a fault failed the test
		cancel()
		traffic.Wait()
		stopWatch()
		watching.Wait()
	}()
	r.endure(t)
	cancel()
	traffic.Wait()
	r.lasted = time.Since(r.began)
	stopWatch()
	watching.Wait()
	r.drain(before)
	r.count(t)
	r.logged, r.unlogged = r.errors()
	r.keep()
	return r
}

// populate makes people and rooms.
func (r *run) populate(t kit.T) {
	t.Helper()
	l := &load{t: t, site: r.site, tally: newTally(), ledger: newLedger(), victim: "victim"}
	r.load = l
	addPerson(t, r.site, l.victim, "user", l.somewhere(), false)
	l.insider = addPerson(t, r.site, "insider", "user", l.somewhere(), false)
	r.probe = addPerson(t, r.site, "probe", "premium", l.somewhere(), false)
	for i := range r.o.people {
		p := addPerson(t, r.site, fmt.Sprintf("person%02d", i), "premium", l.somewhere(), i%3 == 2)
		l.people = append(l.people, p)
		if i%2 == 0 {
			c := *r.site.Via[0]
			c.User, c.Access = p.Username, p.access
			l.rooms = append(l.rooms, c.NewRoom(t, fmt.Sprintf("Room %02d", i), "public").ID)
		}
	}
}

// endure lets one fault after the other happen until the time is up and all have.
func (r *run) endure(t kit.T) {
	t.Helper()
	for i := 0; i < len(faults) || time.Since(r.began) < r.o.lasting; i++ {
		time.Sleep(r.o.every)
		r.suffer(t, faults[i%len(faults)])
		// The session of who asks is kept alive like everybody's.
		r.load.renew(r.probe)
	}
	time.Sleep(r.o.every)
}

// idle is what each gateway has while nobody asks anything.
func (r *run) idle() (all []map[string]float64) {
	for i, n := range r.site.Nodes {
		r.site.Via[i].HTTP.CloseIdleConnections()
		l := life{name: n.Name, process: n.Process, node: n}
		s, _, err := l.look()
		if err != nil {
			r.t.Fatalf("%s: %v", n.Name, err)
		}
		all = append(all, s.values)
	}
	return all
}

// drain waits until the gateways have let go of what clients held.
func (r *run) drain(before []map[string]float64) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		r.drained = nil
		faults := 0
		for i, after := range r.idle() {
			d := drained{r.site.Nodes[i].Name, before[i], after}
			r.drained = append(r.drained, d)
			faults += len(d.faults())
		}
		if faults == 0 || time.Now().After(end) {
			return
		}
	}
}

// count reads every room to its first message, through the gateway, and holds it against the ledger.
func (r *run) count(t kit.T) {
	t.Helper()
	r.load.renew(r.probe)
	c := *r.site.Via[0]
	c.Access = r.probe.token()
	began := time.Now()
	var there []found
	for _, room := range r.load.rooms {
		for before := ""; ; {
			path := kit.RoomPath(room, "messages") + "?limit=100"
			if before != "" {
				path += "&before=" + before
			}
			var page struct {
				Messages []kit.Message
				Next     string
			}
			a := c.Call(t, "GET", path, nil, kit.With("X-Forwarded-For", r.load.somewhere()))
			if a.Status == http.StatusTooManyRequests { // so fast nobody reads
				time.Sleep(time.Second)
				continue
			}
			a.Want(t, http.StatusOK).JSON(t, &page)
			for _, m := range page.Messages {
				there = append(there, found{room, m.ID, m.Text})
			}
			if before = page.Next; before == "" {
				break
			}
			if time.Since(began) > 2*time.Minute {
				r.load.renew(r.probe)
				c.Access, began = r.probe.token(), time.Now()
			}
		}
	}
	r.audit = r.load.ledger.compare(there)
}

// progress says how it goes, where anybody may be reading.
func (r *run) progress(what string) {
	y := r.load.tally
	y.mu.Lock()
	done, surprises := 0, len(y.surprises)
	for _, m := range y.counts {
		done += sum(m)
	}
	y.mu.Unlock()
	r.load.ledger.mu.Lock()
	acked := r.load.ledger.acknowledged
	r.load.ledger.mu.Unlock()
	fmt.Fprintf(os.Stderr, "%s after %s: %s; %d as expected, %d surprises, %d messages acknowledged\n",
		time.Now().UTC().Format("15:04:05"), time.Since(r.began).Round(time.Second), what, done, surprises, acked)
	if r.o.out != "" {
		r.file("so-far.txt", func(write func(string)) { write(r.soFar()) })
		r.file("surprises.txt", func(write func(string)) {
			y.mu.Lock()
			defer y.mu.Unlock()
			for _, s := range y.surprises {
				write(s.String())
			}
		})
	}
}

// keep writes all that somebody may want to look into.
func (r *run) keep() {
	if r.o.out == "" {
		return
	}
	r.file("table.txt", func(write func(string)) { write(r.table()) })
	r.file("samples.jsonl", func(write func(string)) {
		for _, l := range r.site.lives {
			for _, s := range l.samples {
				b, err := json.Marshal(map[string]any{"life": l.name, "pid": l.process.PID(), "at": s.at, "values": s.values})
				if err != nil {
					r.t.Errorf("samples: %v", err)
				}
				write(string(b))
			}
		}
	})
	for i, l := range r.site.lives {
		r.copy(l.process.Log, fmt.Sprintf("%02d-%s.log", i, l.name))
	}
	for _, n := range r.site.Nodes {
		for name, path := range map[string]string{"goroutines": "/debug/pprof/goroutine?debug=1", "heap": "/debug/pprof/heap?gc=1", "metrics": "/metrics"} {
			b, err := get(n, path)
			if err != nil {
				r.t.Errorf("%s: %s: %v", n.Name, path, err)
			}
			r.file(n.Name+"-"+name, func(write func(string)) { write(string(b)) })
		}
	}
}

func (r *run) copy(from, name string) {
	b, err := os.ReadFile(from)
	if err != nil {
		r.t.Errorf("%v", err)
	}
	r.file(name, func(write func(string)) { write(string(b)) })
}

// file writes lines into the folder of results.
func (r *run) file(name string, lines func(write func(string))) {
	var b []byte
	lines(func(s string) { b = append(append(b, s...), '\n') })
	err := os.MkdirAll(r.o.out, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.o.out, name), b, 0o644)
	}
	if err != nil {
		r.t.Errorf("%v", err)
	}
}
