package main

import (
	"path/filepath"

	"github.com/convosphere/gateway/test/kit"
)

// screen is what people look at it on.
type screen struct {
	name  string
	size  kit.Size
	dark  bool
	touch bool
	most  int64 // height of a picture
}

var screens = []screen{
	{"desktop", kit.Size{Width: 1440, Height: 900}, false, false, 2400},
	{"dark", kit.Size{Width: 1440, Height: 900}, true, false, 1600},
	{"phone", kit.Size{Width: 390, Height: 844}, false, true, 2400},
	{"wide", kit.Size{Width: 2560, Height: 1300}, false, false, 1300},
}

// pictures captures each view on each screen, where there is a folder for it, and checks that everybody can use it.
func pictures(t kit.T, n *kit.Node, u kit.User, views []look, on []screen, dir string) {
	t.Helper()
	p := kit.StartBrowser(t).Tab(t, "ada", on[0].size)
	enter(t, p, n, u)
	for _, v := range views {
		for _, s := range on {
			p.Dark(s.dark)
			p.Touch(s.touch)
			p.Resize(s.size)
			p.Go(n.URL + v.path)
			p.Until("the page "+v.name, `document.readyState === "complete" && [...document.querySelectorAll("figure.chart")].every(f => f.querySelector("canvas"))`)
			p.NoOverflow(v.name + " on " + s.name)
			p.AccessibleFrom(v.name+" on "+s.name, kit.Pointer)
			if dir != "" {
				p.Picture(filepath.Join(dir, v.name+"-"+s.name+".png"), s.size, s.most)
			}
		}
	}
	p.Quiet()
}

// enter signs in, and is led to the console.
func enter(t kit.T, p *kit.Tab, n *kit.Node, u kit.User) {
	t.Helper()
	p.Go(n.URL + "/console/")
	p.Until("the login page", `location.pathname === "/auth/login"`)
	p.Type(`input[name="username"]`, u.Username)
	p.Type(`input[name="password"]`, u.Password)
	p.Click(`form button[type="submit"]`)
	p.Until("the field for the code", `[...document.querySelectorAll('input[name="code"]')].some(e => e.checkVisibility())`)
	p.Type(`input[name="code"]`, kit.Code(t, u.TOTPSecret))
	p.Enter(`input[name="code"]`)
	p.Until("the console", `location.pathname.startsWith("/console/")`)
}
