package kit

import (
	"context"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is one running Chromium.
type Browser struct{ ctx context.Context }

// StartBrowser starts a headless Chromium with a profile of its own. It is ended with the test.
func StartBrowser(t T) *Browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(need(t, "chromium", "chromium")), chromedp.UserDataDir(filepath.Join(t.TempDir(), "chromium")),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute),
		// QUIC would bypass nothing here, but a first try of it costs time; the demo's certificate authority is unknown to it.
		chromedp.Flag("disable-quic", true), chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
	)
	alloc, endAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		within, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := chromedp.Cancel(within); err != nil { // closes the browser and waits for its process
			t.Logf("closing the browser: %v", err)
		}
		end()
		endAlloc()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return &Browser{ctx: ctx}
}

// Size of a tab's window in CSS pixels.
type Size struct{ Width, Height int64 }

// Sizes of the tests.
var (
	Desktop = Size{1200, 800}
	Phone   = Size{360, 740}
)

// Tab opens a page of one person: cookies and storage are its own. Its screenshot is taken when the test fails.
func (b *Browser) Tab(t T, name string, size Size) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Tab{t: t, name: name, ctx: ctx, read: make(chan struct{})}
	messages := chromedp.Console(ctx)
	go func() {
		defer close(p.read)
		for m, err := range messages {
			if err != nil {
				return
			}
			p.hear(m)
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			p.save("failed")
			p.t.Logf("%s: console: %q", name, p.Complaints())
		}
		end()
		<-p.read
	})
	p.Resize(size)
	return p
}
