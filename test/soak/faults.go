package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// fault is something that happens to the site, and what else than usual clients may see of it.
type fault struct {
	name   string
	excuse excuse
	do     func(r *run, t kit.T)
}

// faults, in the order in which they come, again and again.
var faults = []fault{
	{"reload", excuse{anything: {noAnswer, unheard, cut}}, (*run).reload},
	{"bad reload", nil, (*run).badReload},
	// Without it a second step can't be checked and the codes of one that was begun are gone; what rests on it alone says so.
	{"Redis restart", excuse{"login": {"503"}, "second factor": {"503", "401"}, "logout": {"503"}, "session": {"503"}, "refresh": {"503"}, "guess": {"503"}, "attack": {"503"}}, (*run).restartRedis},
	{"chat restart", excuse{
		"rooms": {"502", "503"}, "read": {"502", "503"}, "post": {"502", "503"}, "delete": {"502", "503"}, "upload": {"502", "503"}, "download": {"502", "503"}, "malformed": {"502", "503"},
		"too large": {"502", "503"}, "not theirs": {"502", "503"}, "socket": {"502", "503"}, "socket message": {unheard}, "socket end": {cut},
	}, (*run).restartChat},
	{"gateway restart", excuse{anything: {noAnswer, unheard, cut}}, (*run).restartGateway},
	{"gateway killed", excuse{anything: {noAnswer, unheard, cut}}, (*run).killGateway},
}

// suffer does one fault, waits until all is well again, and tells how long that took.
func (r *run) suffer(t kit.T, f fault) {
	began := time.Now()
	w := r.load.tally.open(f.name, f.excuse)
	f.do(r, t)
	r.settle(t)
	time.Sleep(linger)
	r.load.tally.close(w)
	r.suffered[f.name] = append(r.suffered[f.name], time.Since(began))
	r.progress(fmt.Sprintf("%s: %s", f.name, time.Since(began).Round(time.Millisecond)))
}

// linger is how much longer a fault is an excuse: connections that died with it lie in pools until somebody takes them out.
const linger = 500 * time.Millisecond

// settled is how often in a row each gateway must have all it needs.
const settled = 3

// settle waits until both gateways reach the chat and Redis again.
func (r *run) settle(t kit.T) {
	t.Helper()
	for i, c := range r.site.Via {
		good := 0
		for end := time.Now().Add(2 * time.Minute); good < settled; {
			lacks := r.lacks(c)
			if good++; lacks == "" {
				continue
			}
			if good = 0; time.Now().After(end) {
				t.Fatalf("gateway-%d is not well again: %s", i+1, lacks)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// lacks asks for what the chat has, and begins a login by passkey, which Redis keeps. It returns "" where both are answered.
func (r *run) lacks(c *kit.Client) string {
	q := *c
	q.Access = r.probe.token()
	from := kit.With("X-Forwarded-For", r.load.somewhere())
	a, err := q.Try("GET", "/api/rooms", nil, from)
	if err == nil && a.Status == http.StatusOK {
		q.Access = ""
		a, err = q.Try("POST", "/auth/api/passkey/begin", map[string]string{}, from)
	}
	switch {
	case err != nil:
		return err.Error()
	case a.Status != http.StatusOK:
		return fmt.Sprintf("%d %.300s", a.Status, a.Body)
	}
	return ""
}

// reload puts another Caddyfile in force on each gateway, and the first one again.
func (r *run) reload(t kit.T) {
	for _, n := range r.site.Nodes {
		n.Load(t, strings.Replace(r.site.Config, "\tgw_secure {\n", "\theader X-Soaked yes\n\n\tgw_secure {\n", 1)).Want(t, http.StatusOK)
		n.Load(t, r.site.Config).Want(t, http.StatusOK)
	}
}

// badReload tries configurations that can't be: nobody may notice.
func (r *run) badReload(t kit.T) {
	for _, n := range r.site.Nodes {
		for _, bad := range [][2]string{
			{"\tgw_secure {\n", "\tgw_secure {\n\t\tno_such_part\n"},
			{"store {$GW_STORE:memory}", "store redis redis://127.0.0.1:1"},
			{"data_dir {$GW_DATA}", "data_dir /dev/null/no/such/folder"},
		} {
			text := strings.Replace(r.site.Config, bad[0], bad[1], 1)
			if text == r.site.Config {
				t.Fatalf("the Caddyfile has no %q any more", bad[0])
			}
			if a := n.Load(t, text); a.Status/100 == 2 {
				t.Errorf("%s takes a configuration with %q", n.Name, bad[1])
			}
		}
	}
}

func (r *run) restartRedis(t kit.T) {
	r.site.ended(r.site.Redis.Process)
	r.site.Redis.Process.Stop(t)
	r.pause()
	r.site.Redis.Again(t)
	r.site.began("redis", r.site.Redis.Process, nil)
}

func (r *run) restartChat(t kit.T) {
	r.site.ended(r.site.Chat)
	if code := r.site.Chat.Stop(t); code != 0 {
		t.Errorf("the chat ended with %d", code)
	}
	r.pause()
	r.site.StartChat(t)
	r.site.began("chat", r.site.Chat, nil)
}

func (r *run) restartGateway(t kit.T) {
	r.site.restart(t, 1, func(p *kit.Process) {
		if code := p.Stop(t); code != 0 {
			t.Errorf("gateway-2 ended with %d", code)
		}
	})
}

func (r *run) killGateway(t kit.T) {
	r.site.restart(t, 1, func(p *kit.Process) { p.Kill(t) })
}

// pause is how long something stays away.
func (r *run) pause() { time.Sleep(min(3*time.Second, r.o.every/2)) }

// admin is the socket of a gateway's admin API.
func admin(n *kit.Node) string { return filepath.Join(n.Data, "admin.sock") }
