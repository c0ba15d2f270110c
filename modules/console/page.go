package console

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/view"
)

// What a browser may do with an answer of the console: show it by itself, with our own style and script, which make no markup of text, and talk to us.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// secure sets the security headers; the console's pages need stricter ones than the site's.
func secure(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      csp,
		"X-Frame-Options":              "DENY",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "strict-origin", // filters that hold an attack are none in the headers of the page's own requests
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Robots-Tag":                 "noindex",
		"Cache-Control":                "no-store",
	} {
		h.Set(name, value)
	}
}

// frame is what every page's template sees. Main is the page's own.
type frame struct {
	Brand, Base string
	Title       string
	About       string
	Name        string // the person's
	Menu        []menuGroup
	Flash       *flash
	Main        any
}

type menuGroup struct {
	Title string
	Items []menuItem
}

type menuItem struct {
	Name, Title, Href string
	Here              bool
}

// menu are the views that the person may see.
func (c *call) menu() []menuGroup {
	var groups []menuGroup
	for _, v := range c.h.ground.Views.All() {
		if !c.may(v.Permission) {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].Title != v.Group {
			groups = append(groups, menuGroup{Title: v.Group})
		}
		g := &groups[len(groups)-1]
		g.Items = append(g.Items, menuItem{v.Name, v.Title, c.h.Path + v.Name, c.view != nil && c.view.Name == v.Name})
	}
	return groups
}

// render answers with a page.
func (c *call) render(status int, name string, f frame) {
	f.Brand, f.Base, f.Name, f.Menu = c.h.Brand, c.h.Path, c.who.Name, c.menu()
	var b bytes.Buffer
	if err := c.h.pages.ExecuteTemplate(&b, name, f); err != nil {
		c.h.logger.Error("a page of the console could not be made", zap.Error(err), zap.String("page", name), zap.String("request_id", c.rc.ID))
		c.problem(http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Set("Content-Language", "en")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(b.Bytes()) // the client has gone: nobody is left to tell
	}
}

// notice is a page that only says something.
type notice struct {
	Text string
	Tone view.Tone
	Back string
	ID   string // of the request
}

func (c *call) notice(status int, title, text string) {
	c.render(status, "notice", frame{Title: title, Main: notice{Text: text, Tone: view.Bad, Back: c.backTo(), ID: c.rc.ID}})
}

// backTo is the page of the view that the request is about.
func (c *call) backTo() string {
	if c.view != nil && c.may(c.view.Permission) {
		return c.h.Path + c.view.Name
	}
	return c.h.Path
}

func (c *call) refusePage() {
	if len(c.menu()) == 0 || !strings.Contains(c.r.Header.Get("Accept"), "text/html") {
		c.problem(http.StatusForbidden)
		return
	}
	c.notice(http.StatusForbidden, "That is not allowed", "Your role does not let you see or do this. Who needs it asks an administrator.")
}

// address makes a link within the console of what a view says: "incidents?state=open", "incidents/ID", "bans/act/ban". It is "" where that leads
// elsewhere.
func (h *Handler) address(link string) string {
	u, err := url.Parse(link)
	if err != nil || link == "" || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.HasPrefix(u.Path, "/") || u.Path == "" {
		return ""
	}
	name, rest, deeper := strings.Cut(u.Path, "/")
	if _, ok := h.ground.Views.Get(name); !ok {
		return ""
	}
	q := u.Query()
	out := url.URL{Path: h.Path + name}
	if deeper {
		switch first, last, _ := strings.Cut(rest, "/"); {
		case first == "act" && last != "" && !strings.Contains(last, "/"):
			out.Path += "/act/" + last
		case rest == whatItem:
			out.Path += "/" + whatItem
		default: // an item, as the admin API names it too
			if first == "items" || first == whatItem {
				rest = last
			}
			out.Path += "/" + whatItem
			q.Set("id", rest)
		}
	}
	out.RawQuery = q.Encode()
	return out.String()
}

// itemAddress is where an item of a view is.
func (h *Handler) itemAddress(name, id string) string {
	return h.Path + view.At(name, id)
}
