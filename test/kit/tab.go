package kit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for anything.
const patience = 60 * time.Second

// Tab is a page of a person.
type Tab struct {
	t    T
	name string
	ctx  context.Context
	read chan struct{} // closed when the console is read to its end

	touch bool

	mu   sync.Mutex
	said []string
}

// hear keeps what the page or the browser complains of. Violations of a content security policy come as errors.
func (p *Tab) hear(m chromedp.ConsoleMessage) {
	switch m.Type {
	case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException, "assert":
		p.mu.Lock()
		p.said = append(p.said, fmt.Sprintf("%s %s: %s (%s)", m.Source, m.Type, m.Text, m.URL))
		p.mu.Unlock()
	}
}

// Complaints returns the errors and warnings on the console so far.
func (p *Tab) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.said...)
}

// Quiet fails the test where there are complaints, except those that hold one of the texts.
func (p *Tab) Quiet(except ...string) {
	p.t.Helper()
next:
	for _, s := range p.Complaints() {
		for _, e := range except {
			if strings.Contains(s, e) {
				continue next
			}
		}
		p.t.Errorf("%s: the page complains: %s", p.name, s)
	}
}

// Do runs the actions.
func (p *Tab) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", p.name, what, err, p.state())
	}
}

// do runs the actions, each again where the page was replaced between finding a node and using it: nothing was done to either then. People
// who click at such a moment click again.
func do(ctx context.Context, actions ...chromedp.Action[chromedp.Void]) error {
	for _, a := range actions {
		err := chromedp.Do(ctx, a)
		for err != nil && strings.Contains(err.Error(), "find node with given id") {
			if err = ctx.Err(); err == nil {
				err = chromedp.Do(ctx, a)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Go opens a page.
func (p *Tab) Go(url string) {
	p.t.Helper()
	p.Do("opening "+url, chromedp.Navigate(url))
}

// Type puts text into the field that the CSS selector finds, in place of what it holds.
func (p *Tab) Type(selector, text string) {
	p.t.Helper()
	sel := chromedp.CSS(selector)
	empty := "document.querySelector(" + strconv.Quote(selector) + ").value = ''"
	p.Do("typing into "+selector, chromedp.WaitVisible(sel), chromedp.Evaluate[chromedp.Void](empty), chromedp.SendKeys(sel, text))
}

// Click clicks what the CSS selector finds, once it can be clicked.
func (p *Tab) Click(selector string) {
	p.t.Helper()
	sel := chromedp.CSS(selector)
	p.Do("clicking "+selector, chromedp.WaitVisible(sel), chromedp.WaitEnabled(sel), chromedp.Click(sel))
}

// Enter presses the enter key in what the CSS selector finds.
func (p *Tab) Enter(selector string) {
	p.t.Helper()
	p.Do("enter in "+selector, chromedp.SendKeys(chromedp.CSS(selector), "\r"))
}

// ClickText clicks the visible link or button with this text.
func (p *Tab) ClickText(text string) {
	p.t.Helper()
	sel := chromedp.Search(fmt.Sprintf(`//*[self::a or self::button][contains(normalize-space(.), %q)]`, text))
	p.Do("clicking "+text, chromedp.WaitVisible(sel), chromedp.Click(sel))
}

// Resize sets the size of the window.
func (p *Tab) Resize(size Size) {
	p.t.Helper()
	var o []chromedp.EmulateViewportOption
	if p.touch {
		o = append(o, chromedp.EmulateTouch, chromedp.EmulateMobile)
	}
	p.Do("resizing", chromedp.EmulateViewport(size.Width, size.Height, o...))
}

// Touch makes the device one for fingers, or one with a mouse, from the next Resize on.
func (p *Tab) Touch(on bool) { p.touch = on }

// Dark makes the page prefer dark colours, or light ones.
func (p *Tab) Dark(on bool) {
	p.t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	p.Media("prefers-color-scheme", value)
}

// Media makes the page believe that its reader's device has this media feature.
func (p *Tab) Media(name, value string) {
	p.t.Helper()
	p.Do(name, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: name, Value: value}},
		})
		return err
	}))
}

// Until waits for a JavaScript expression to be true.
func (p *Tab) Until(what, expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ok, err := Eval[bool](p, "!!("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(end) { // between two pages an expression may fail: that is no end
			p.t.Fatalf("%s: not within %s: %s (%v)\n%s", p.name, patience, what, err, p.state())
		}
	}
}

// Shows waits for the text to be visible on the page.
func (p *Tab) Shows(text string) {
	p.t.Helper()
	p.Until(fmt.Sprintf("the text %q", text), fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// Eval returns what a JavaScript expression gives.
func Eval[V any](p *Tab, expression string) (V, error) {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[V](expression))
}

// NoOverflow fails the test where the page is wider than its window, and names the widest elements.
func (p *Tab) NoOverflow(page string) {
	p.t.Helper()
	wide, err := Eval[[]string](p, `document.documentElement.scrollWidth <= window.innerWidth ? [] :
		["page " + document.documentElement.scrollWidth + " in window " + window.innerWidth].concat(
		[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 0.5)
		.slice(0, 8).map(e => e.tagName + "#" + e.id + "." + e.className))`)
	if err != nil {
		p.t.Fatalf("%s: measuring %s: %v", p.name, page, err)
	}
	if len(wide) > 0 {
		p.t.Errorf("%s: %s overflows: %q", p.name, page, wide)
		p.save("overflow-" + page)
	}
}

func (p *Tab) state() string {
	s, err := Eval[string](p, `location.href + "\n" + (document.body ? document.body.innerText.slice(0, 800) : "")`)
	if err != nil {
		return err.Error()
	}
	return s + fmt.Sprintf("\nconsole: %q", p.Complaints())
}

// Shot saves a screenshot as NAME.png in $GATEWAY_SCREENSHOTS, where that is set.
func (p *Tab) Shot(name string) {
	p.t.Helper()
	if os.Getenv("GATEWAY_SCREENSHOTS") != "" {
		p.save(name)
	}
}

func (p *Tab) save(name string) {
	dir := os.Getenv("GATEWAY_SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "convosphere-screenshots")
	}
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	file := filepath.Join(dir, strings.ReplaceAll(p.name+"-"+name, "/", "-")+".png")
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	p.t.Logf("screenshot %s: %v", file, err)
}
