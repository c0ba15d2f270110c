package kit

import "github.com/chromedp/chromedp"

// Press presses keys one after the other wherever the focus is: text, or keys of package kb.
func (p *Tab) Press(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.Do("pressing keys", chromedp.KeyEvent(keys, opts...))
}
