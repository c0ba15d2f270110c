package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// person is somebody with a browser's session: the console takes no tokens.
type person struct{ *kit.Client }

// signIn goes through the login, the second factor included.
func signIn(t kit.T, n *kit.Node, u kit.User) person {
	t.Helper()
	c := n.Client(t).Browserlike(t)
	var l struct {
		Status string `json:"status"`
		MFA    string `json:"mfa_token"`
	}
	same := kit.With("Sec-Fetch-Site", "same-origin")
	c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password}, same).Want(t, http.StatusOK).JSON(t, &l)
	if l.Status == "mfa_required" {
		c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": l.MFA, "code": kit.Code(t, u.TOTPSecret)}, same).Want(t, http.StatusOK).JSON(t, &l)
	}
	if l.Status != "ok" {
		t.Fatalf("login of %s: %s", u.Username, l.Status)
	}
	return person{c}
}

// look is one page of the console.
type look struct{ name, path string }

var (
	menuLink = regexp.MustCompile(`<nav[^>]*>[\s\S]*?</nav>`)
	href     = regexp.MustCompile(`href="(/console/[a-z0-9_/?=&;%-]+)"`)
	firstRow = regexp.MustCompile(`<tbody[\s\S]*?href="(/console/([a-z0-9-]+)/item\?id=[^"]+)"`)
)

// views are the pages that the menu leads to, and of each the item in its first row.
func (p person) views(t kit.T, only []string) (all []look) {
	t.Helper()
	home := string(p.page(t, "/console/"))
	for _, m := range href.FindAllStringSubmatch(menuLink.FindString(home), -1) {
		name := strings.TrimPrefix(m[1], "/console/")
		if name == "" || slices.ContainsFunc(all, func(l look) bool { return l.name == name }) || only != nil && !slices.Contains(only, name) {
			continue
		}
		all = append(all, look{name, m[1]})
		body := p.page(t, m[1])
		if row := firstRow.FindSubmatch(body); row != nil && string(row[2]) == name {
			all = append(all, look{name + "-item", strings.ReplaceAll(string(row[1]), "&amp;", "&")})
		}
	}
	if len(all) == 0 {
		t.Fatalf("the console has no views: %.2000s", home)
	}
	return all
}

// page is one that must be there. Redirects are followed within the console alone.
func (p person) page(t kit.T, path string) []byte {
	t.Helper()
	for range 3 {
		a := p.Call(t, "GET", path, nil, kit.With("Accept", "text/html"))
		to := a.Header.Get("Location")
		if a.Status/100 == 3 && strings.HasPrefix(to, "/console/") {
			path = to
			continue
		}
		return a.Want(t, http.StatusOK).Body
	}
	t.Fatalf("%s leads in circles", path)
	return nil
}

// timing is what a page took.
type timing struct {
	look
	best time.Duration
	size int
}

// measure asks for each page some times, and keeps the fastest: what the gateway takes for it, whatever else the machine does.
func (p person) measure(t kit.T, views []look, runs int) (all []timing) {
	t.Helper()
	for _, v := range views {
		m := timing{look: v, best: time.Hour}
		for range runs {
			began := time.Now()
			m.size = len(p.page(t, v.path))
			m.best = min(m.best, time.Since(began))
		}
		all = append(all, m)
	}
	return all
}

// aim is what a view may take.
const aim = 200 * time.Millisecond

func printTimings(w io.Writer, events int, all []timing) {
	fmt.Fprintf(w, "\nViews of the console with %d events in the journal, the fastest of some, whole answers over HTTPS\n%-28s %10s %9s\n", events, "view", "time", "KiB")
	slow := 0
	for _, m := range all {
		over := ""
		if m.best > aim {
			over = " over the aim"
			slow++
		}
		fmt.Fprintf(w, "%-28s %10s %9.0f%s\n", m.name, m.best.Round(100*time.Microsecond), float64(m.size)/1024, over)
	}
	fmt.Fprintf(w, "aim, every view within %s: %d of %d\n", aim, len(all)-slow, len(all))
}
