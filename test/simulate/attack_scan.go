package main

import (
	"strconv"
	"strings"
	"time"
)

// What scanners ask for, from lists that they share.
var scanned = strings.Fields(`/.env /.git/config /.git/HEAD /wp-login.php /wp-admin/setup-config.php /xmlrpc.php /phpmyadmin/index.php /admin/ /admin/login /actuator/env
/actuator/health /server-status /.aws/credentials /config.json /backup.zip /db.sql /dump.sql /api/v1/users /api/swagger.json /swagger-ui.html /openapi.json /graphql
/console/ /solr/admin/info/system /_ignition/execute-solution /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /cgi-bin/luci /boaform/admin/formLogin /HNAP1 /.DS_Store
/.svn/entries /id_rsa /.ssh/id_rsa /web.config /WEB-INF/web.xml /manager/html /jenkins/login /owa/auth/logon.aspx /remote/login /telescope/requests /debug/pprof/ /metrics
/.vscode/sftp.json /sftp-config.json /old/ /test.php /info.php /shell.php /api/.env /laravel/.env /storage/logs/laravel.log /login.action /struts2-showcase/index.action`)

// blockedBy tells which rule of the Core Rule Set refuses the path: restricted files mostly. 0: none.
func blockedBy(path string) int {
	for _, part := range []string{"/.env", "/.git", "/.aws", "/.svn", "/.ssh", "id_rsa", ".DS_Store", "web.config", "WEB-INF", ".vscode", "sftp-config"} {
		if strings.Contains(path, part) {
			return 930130
		}
	}
	if strings.Contains(path, "eval-stdin") {
		return 933150
	}
	return 0
}

// probe is one request of a scanner: of the list, or made up from words.
func (w *world) probe(a *actor, c *caller, s *session) {
	path := pick(a, scanned...)
	if a.chance(.6) {
		path = "/" + pick(a, "api", "admin", "v1", "v2", "old", "test", "dev", "internal", "backup", "files") + "/" + string(appendText(nil, a.Rand, 5)) + pick(a, "", ".php", ".bak", ".json", ".zip")
	}
	if rule := blockedBy(path); rule != 0 {
		w.blocked(c, s, "GET", path, &verdict{rules: []int{rule}, message: "Restricted File Access Attempt", blocked: true, score: 5})
		return
	}
	if s == nil {
		w.anonymous(c, pick(a, "GET", "GET", "GET", "HEAD", "POST"), path)
		return
	}
	w.request(c, s, req{method: "GET", path: path, status: 404, out: 82, millis: 2, reason: "signed in", tier: s.tier})
}

func scanning(a *actor, k *attack) {
	for range k.tries {
		k.w.probe(a, k.from(a), nil)
		k.wait(a)
	}
}

// enumeration counts through the ids of rooms, files and accounts, to find what is not closed (insecure direct object references).
func enumeration(a *actor, k *attack) {
	w := k.w
	all := k.parties(a, func(c *caller) *session { return k.puppet(a, c) })
	for i := range k.tries {
		if len(all) == 0 {
			return
		}
		q := all[i%len(all)]
		n := strconv.Itoa(1000 + i)
		switch i % 4 {
		case 3: // over a socket, which ends each time
			w.openSocket(q.c, q.s).forbidden("room", "ops-"+n)
		case 0:
			w.forbidden(q.c, q.s, "GET", "/api/rooms/team-"+n+"/messages", "GET /api/rooms/{room}/messages", "message:list", "room", "team-"+n)
		case 1:
			id := "01M8DG" + string(appendText(nil, a.Rand, 20))
			w.forbidden(q.c, q.s, "GET", "/api/files/"+id, "GET /api/files/{id}", "file:read", "file", id)
		default:
			w.forbidden(q.c, q.s, "GET", "/api/rooms/project-"+n, "GET /api/rooms/{room}", "room:read", "room", "project-"+n)
		}
		k.wait(a)
	}
}

// probing tries whether an ordinary account may do what administrators do.
func probing(a *actor, k *attack) {
	w := k.w
	all := k.parties(a, func(c *caller) *session { return k.puppet(a, c) })
	paths := []struct{ method, path, route, permission string }{
		{"GET", "/auth/api/admin/accounts", "/auth/api/admin/accounts", "account:admin"},
		{"POST", "/auth/api/admin/accounts", "/auth/api/admin/accounts", "account:admin"},
		{"PATCH", "/auth/api/admin/accounts/" + w.people[0].id, "/auth/api/admin/accounts/{id}", "account:admin"},
		{"POST", "/auth/api/admin/accounts/" + w.people[0].id + "/reset-factors", "/auth/api/admin/accounts/{id}/reset-factors", "account:admin"},
		{"GET", "/auth/api/admin/services", "/auth/api/admin/services", "account:admin"},
		{"GET", "/auth/api/admin/invitations", "/auth/api/admin/invitations", "account:admin"},
		{"POST", "/auth/api/break-glass", "/auth/api/break-glass", "policy:break-glass"},
		{"GET", "/api/admin", "* /api/{rest...}", "none"},
		{"DELETE", "/api/rooms/general", "* /api/{rest...}", "none"},
	}
	for i := range k.tries {
		if len(all) == 0 {
			return
		}
		q := all[i%len(all)]
		p := pick(a, paths...)
		if a.chance(.15) { // and whether a header makes one
			w.begin(headStripped)
			w.str("event.reason", "the client sent an identity header")
			w.aboutRequest(w.text(26), q.c, req{method: p.method, path: p.path})
			w.str("user_agent.original", q.c.agent)
			w.raw(q.c.from)
			w.finish()
		}
		w.forbidden(q.c, q.s, p.method, p.path, p.route, p.permission, "", "")
		k.wait(a)
	}
}

// evasion sends one attack after another in ever other disguises, until one passes the WAF.
func evasion(a *actor, k *attack) {
	w := k.w
	for range k.tries {
		c := k.from(a)
		v := &verdict{blocked: a.chance(.7), score: 5 * (1 + a.IntN(4))}
		switch a.IntN(5) {
		case 0:
			v.rules, v.message = []int{942100, 942190, 942270}, "SQL Injection Attack Detected via libinjection"
		case 1:
			v.rules, v.message = []int{941100, 941160}, "XSS Attack Detected via libinjection"
		case 2:
			v.rules, v.message = []int{932160}, "Remote Command Execution: Unix Shell Code Found"
		case 3:
			v.rules, v.message = []int{930100, 930110}, "Path Traversal Attack (/../) or (/.../)"
		default:
			v.rules, v.message = []int{920270, 934100}, "Node.js Injection Attack 1/2"
		}
		if !v.blocked {
			v.score, v.rules, v.message = 3, []int{920300 + a.IntN(4)*10}, "Unusual characters or encoding"
		}
		w.blocked(c, nil, pick(a, "GET", "POST"), pick(a, "/api/rooms", "/auth/api/account", "/api/rooms/general/messages", "/auth/login"), v)
		k.wait(a)
	}
	a.sleep(time.Second)
}
