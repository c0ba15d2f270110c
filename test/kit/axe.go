package kit

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
)

// axe-core looks for what keeps people from using a page. It is what others wrote, so it is fetched once, pinned, and kept beside the Go caches.
const (
	axeVersion = "4.14.1"
	axeSum     = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745" // SHA-256 of its tarball
)

var axeScript = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	tarball := filepath.Join(cache, "convosphere", "axe-core-"+axeVersion+".tgz")
	body, err := os.ReadFile(tarball)
	if errors.Is(err, os.ErrNotExist) {
		if err := fetchAxe(filepath.Dir(tarball)); err != nil {
			return "", err
		}
		body, err = os.ReadFile(tarball)
	}
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != axeSum {
		return "", fmt.Errorf("%s is not what it should be", tarball)
	}
	return unpacked(body, "package/axe.min.js")
})

// fetchAxe makes the file aside and then puts it in place, so that it is whole or not there, also where tests of two packages want it.
func fetchAxe(dir string) error {
	fresh, err := os.MkdirTemp(mkdir(dir), "axe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "axe-core@"+axeVersion, "--pack-destination", fresh)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack axe-core (apt-get install npm): %w\n%s", err, out)
	}
	name := "axe-core-" + axeVersion + ".tgz"
	return os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name))
}

func unpacked(tarball []byte, name string) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return "", err
	}
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if head.Name == name {
			body, err := io.ReadAll(r)
			return string(body), err
		}
	}
}

// Least sizes of what is pressed, in CSS pixels.
const (
	Finger  = 44.0
	Pointer = 24.0 // WCAG 2.2, 2.5.8
)

// Accessible fails the test for everything that axe-core finds against WCAG 2.2 A and AA, or its best practices, and for what a finger can't hit: links
// and buttons smaller than 44 pixels that stand in no text.
func (p *Tab) Accessible(page string) {
	p.t.Helper()
	p.AccessibleFrom(page, Finger)
}

// AccessibleFrom is Accessible for what may be as small as least: pages that are dense where there is a mouse.
func (p *Tab) AccessibleFrom(page string, least float64) {
	p.t.Helper()
	script, err := axeScript()
	if err != nil {
		p.t.Fatalf("axe-core: %v", err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](script+`;
		axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + n.failureSummary)))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: axe-core on %s: %v", p.name, page, err)
	}
	small, err := Eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("a, button, input, select, summary")].filter(e => e.checkVisibility() && !e.matches(".skip, .away, .away *, p a, p button, [type=checkbox], [type=radio]"))
		.map(e => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width > 1 && (r.height < %[1]v || r.width < %[1]v)).map(([e, r]) => "small " + r.width + "x" + r.height + ": " + e.outerHTML.slice(0, 120))`, least-.5))
	if err != nil {
		p.t.Fatalf("%s: measuring %s: %v", p.name, page, err)
	}
	const most = 6 // of a kind: a table says the same of each row
	for _, f := range append(found[:min(len(found), most)], small[:min(len(small), most)]...) {
		p.t.Errorf("%s: %s: %s", p.name, page, f)
	}
}
