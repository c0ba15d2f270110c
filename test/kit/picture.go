package kit

import (
	"context"
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

// Picture saves the page as a PNG file, from its top, as wide as the size and at most as high. The window has the size afterwards.
func (p *Tab) Picture(file string, size Size, most int64) {
	p.t.Helper()
	p.Resize(size)
	height, err := Eval[int64](p, "document.documentElement.scrollHeight")
	if err != nil {
		p.t.Fatalf("%s: measuring the page: %v", p.name, err)
	}
	p.Resize(Size{size.Width, min(max(height, size.Height), most)})
	// What was drawn for the other size is drawn anew.
	p.Do("drawing", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))", chromedp.EvalAwaitPromise))
		return err
	}))
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatalf("%s: a picture of the page: %v", p.name, err)
	}
	p.Resize(size)
}
