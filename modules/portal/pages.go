package portal

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
)

//go:embed templates/*.html
var templateFiles embed.FS

var pages = func() map[string]*template.Template {
	base := template.Must(template.New("").Funcs(template.FuncMap{"asset": assetURL, "passwordField": newPasswordField}).ParseFS(templateFiles, "templates/layout.html"))
	set := map[string]*template.Template{}
	for _, name := range []string{"login", "mfa", "signedin", "account"} {
		set[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return set
}()

// passwordField is one input of the template "password".
type passwordField struct {
	ID, Name, Autocomplete string
	Min                    int
	Hint                   string // ids of what describes it
}

func newPasswordField(id, name, autocomplete string, min int, hint string) passwordField {
	return passwordField{id, name, autocomplete, min, hint}
}

// What a browser may do with an answer of the portal: show it by itself, with our own style and script, and talk to us.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

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
	Brand    string
	Title    string
	ReturnTo string // safe: a path of this site
	Resume   bool   // the browser may have a session to be taken back into
	Name     string // of whoever is signed in
	Profile  account.Profile
	Since    string
}

// stepUpAge is how old a second factor may be before the login page asks for it again, of somebody sent there who is signed in.
const stepUpAge = 10 * time.Minute

func (h *Handler) render(c *call, name string, p page) error {
	p.Brand = h.Brand
	var b bytes.Buffer
	if err := pages[name].ExecuteTemplate(&b, "layout.html", p); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
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
			return h.render(c, "login", page{Title: "Sign in", ReturnTo: to})
		}
		if err != nil {
			return err
		}
		if p.TOTP && time.Since(id.MFATime) > stepUpAge {
			return h.render(c, "mfa", page{Title: "Confirm it’s you", ReturnTo: to, Name: id.Name})
		}
		return h.render(c, "signedin", page{Title: "Signed in", ReturnTo: to, Name: id.Name, Profile: p})
	}
	_, resume := refreshToken(c.r)
	return h.render(c, "login", page{Title: "Sign in", ReturnTo: to, Resume: resume})
}

func (h *Handler) mfaPage(c *call) error {
	to := c.returnTo(h.Home)
	p, err := h.identity.Profile(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	if !p.TOTP {
		return h.render(c, "signedin", page{Title: "No second factor yet", ReturnTo: to, Name: p.Username, Profile: p})
	}
	return h.render(c, "mfa", page{Title: "Confirm it’s you", ReturnTo: to, Name: p.Username})
}

func (h *Handler) accountPage(c *call) error {
	p, err := h.identity.Profile(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	return h.render(c, "account", page{
		Title: "Your account", ReturnTo: c.returnTo(h.Home), Name: p.Username, Profile: p, Since: p.CreatedAt.UTC().Format("2 January 2006"),
	})
}
