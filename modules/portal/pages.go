package portal

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// What a browser may do with an answer of the portal: show it by itself, with our own style and script, which make no markup of text, and talk to us.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// secure sets the security headers; the portal's pages need stricter ones than the site's.
func secure(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      csp,
		"X-Frame-Options":              "DENY",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Robots-Tag":                 "noindex",
		"Cache-Control":                "no-store",
	} {
		h.Set(name, value)
	}
}

// page is what the templates see.
type page struct {
	ReturnTo string // safe: a path of this site
	Resume   bool   // the browser may have a session to be taken back into
	Name     string // of whoever is signed in
	Profile  account.Profile
	Offers   Offers
	Operator bool   // they may see everybody's accounts
	Glass    bool   // they may take emergency access
	ID       string // of the account that the page is of

	// What render fills in.
	kind      pageKind
	Lang      string
	Languages []spoken
	Brand     string
	Home      string
	Texts     map[string]string // for the script
	Look      *look
}

// spoken is a language in the footer.
type spoken struct{ Code, Name string }

// Title is the key of the page's title.
func (p page) Title() string { return cmp.Or(p.kind.title, p.kind.name+".title") }

// Kind is which page it is.
func (p page) Kind() string { return p.kind.name }

// Script is the page's script in assets/.
func (p page) Script() string { return p.kind.script }

// Section is where the page stands among the account's.
func (p page) Section() string { return p.kind.section }

// HasName tells whether the brand's name stands beside its logo.
func (l *look) HasName() bool { return !l.hideName }

// CSS is where the brand's style sheet is served; "" there is none.
func (l *look) CSS() string { return l.css }

// Logo is where the brand's logo is served; "" there is none.
func (l *look) Logo() string { return l.logo }

// LogoDark is the same, for dark pages.
func (l *look) LogoDark() string { return l.logoDark }

// Links are the footer's.
func (l *look) Links() []Link { return l.links }

// stepUpAge is how old a second factor may be before the login page asks for it again, of somebody sent there who is signed in.
const stepUpAge = 10 * time.Minute

// factorAge is the same where whoever sent them asks for a fresher one (max_age, in seconds, as RFC 9470 has it).
func factorAge(r *http.Request) time.Duration {
	if age, err := strconv.Atoi(r.URL.Query().Get("max_age")); err == nil && age >= 0 && age < int(stepUpAge/time.Second) {
		return time.Duration(age) * time.Second
	}
	return stepUpAge
}

func (h *Handler) render(c *call, name string, p page) error {
	p.Brand, p.Home, p.Look, p.Lang, p.Offers = h.Brand, h.Home, h.look, h.language(c.r), h.offers()
	for _, k := range pageKinds {
		if k.name == name {
			p.kind = k
		}
	}
	for _, lang := range h.look.catalog.Languages() {
		own, err := h.look.catalog.Text(lang, "common.language")
		if err != nil {
			return err
		}
		p.Languages = append(p.Languages, spoken{lang, own})
	}
	p.Texts = h.look.catalog.Group(p.Lang, append([]string{"common", "error", "factor"}, p.kind.texts...)...)
	var b bytes.Buffer
	if err := h.look.pages[p.Lang][name].ExecuteTemplate(&b, "layout.html", p); err != nil {
		return err
	}
	head := c.w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Language", p.Lang)
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(b.Bytes()) // the client has gone: nobody is left to tell
	}
	return nil
}

func (c *call) returnTo(home string) string {
	values := c.r.URL.Query()["return_to"]
	if len(values) != 1 {
		return home
	}
	return safeReturn(values[0], home)
}

func (h *Handler) root(c *call) error { return redirect(c, "/auth/account") }

func redirect(c *call, to string) error {
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// loginPage never sends on by itself whoever is signed in: a page that asks for a second factor sends here too, and the
// two would play ball.
func (h *Handler) loginPage(c *call) error {
	to := c.returnTo(h.Home)
	if id := c.rc.Identity; id != nil {
		p, err := h.identity.Profile(c.r.Context(), id)
		if errors.Is(err, session.ErrSession) { // it ended this moment
			clearCookies(c.w)
			return h.render(c, "login", page{ReturnTo: to})
		}
		if err != nil {
			return err
		}
		if p.SecondFactor() && time.Since(id.MFATime) > factorAge(c.r) {
			return h.render(c, "stepup", page{ReturnTo: to, Name: id.Name})
		}
		return h.render(c, "signedin", page{ReturnTo: to, Name: id.Name, Profile: p})
	}
	_, resume := refreshToken(c.r)
	return h.render(c, "login", page{ReturnTo: to, Resume: resume})
}

func (h *Handler) mfaPage(c *call) error {
	return h.render(c, "stepup", page{ReturnTo: c.returnTo(h.Home), Name: c.rc.Identity.Name})
}

// publicPage answers with a page that is the same for everybody; 404 where what it is for is off.
func publicPage(name string, on func(Offers) bool) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		if !on(h.offers()) {
			problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
			return nil
		}
		return h.render(c, name, page{ReturnTo: h.Home})
	}
}

// accountSection answers with one of the account's pages.
func accountSection(name string) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		p, err := h.identity.Profile(c.r.Context(), c.rc.Identity)
		if err != nil {
			return err
		}
		return h.render(c, name, page{
			ReturnTo: c.returnTo(h.Home), Name: p.Username, Profile: p, Operator: h.operator(c), ID: c.id,
			Glass: name == "account" && h.mayBreakGlass(c),
		})
	}
}

// operator tells whether the pages of everybody's accounts are offered. Each asks the policy again.
func (h *Handler) operator(c *call) bool {
	d := h.policy.Decide(c.r.Context(), &engine.Input{
		RequestID: c.rc.ID, Method: http.MethodGet, Path: "/auth/admin", Route: "/auth/admin", Host: c.r.Host, Permission: admin, Identity: c.rc.Identity, Client: c.rc.Client,
	})
	return d.Allow || d.Obligations.StepUp
}
