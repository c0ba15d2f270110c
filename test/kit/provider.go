package kit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Provider is a certified OpenID provider (npm oidc-provider) on loopback.
type Provider struct {
	URL     string
	Secret  string // of the client "gateway"; the client "public" has none
	Process *Process
}

//go:embed provider
var providerFiles embed.FS

// providerFolder has the provider with what it needs, which npm fetches once, as the lock file says, and keeps beside the Go caches.
var providerFolder = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		if files[name], err = providerFiles.ReadFile("provider/" + name); err != nil {
			return "", err
		}
		sum.Write(files[name])
	}
	dir := filepath.Join(cache, "convosphere", "oidc-provider-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	// Made aside and then put in place, so that it is whole or not there, also where tests of two packages want it.
	fresh, err := os.MkdirTemp(mkdir(filepath.Dir(dir)), "provider-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), body, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci of oidc-provider (apt-get install npm): %w\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
})

func mkdir(dir string) string {
	_ = os.MkdirAll(dir, 0o755) // what is made in it fails
	return dir
}

// StartProvider runs a provider that knows these redirect addresses, on addr ("": a free one).
func StartProvider(t T, addr string, redirects ...string) *Provider {
	t.Helper()
	dir, err := providerFolder()
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	if addr == "" {
		addr = FreeAddr(t)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	p := &Provider{URL: "http://127.0.0.1:" + port, Secret: rand.Text()}
	Secret(p.Secret)
	p.Process = Start(t, Command{Name: "provider", Path: need(t, "node", "nodejs"), Args: append([]string{"provider.mjs", port, p.Secret}, redirects...), Dir: dir})
	p.Process.WaitLine(t, "provider ready", 60*time.Second)
	return p
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// ProviderBrowser is somebody's browser at providers: it keeps their cookies.
func ProviderBrowser(t T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("making a cookie jar: %v", err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// SignIn goes to the address that a gateway sent the browser to, signs in there, and returns the address that the provider sends the browser back to.
func (p *Provider) SignIn(t T, browser *http.Client, address, login string) *url.URL {
	t.Helper()
	for range 12 {
		if !strings.HasPrefix(address, p.URL+"/") {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatalf("provider: back to %q: %v", address, err)
			}
			return u
		}
		res, err := browser.Get(address)
		if err != nil {
			t.Fatalf("provider: %v", err)
		}
		page := readAll(t, res)
		if res.StatusCode == http.StatusOK {
			m := formAction.FindStringSubmatch(page)
			if m == nil {
				t.Fatalf("provider: %s has no form:\n%s", address, page)
			}
			form := url.Values{"prompt": {"consent"}}
			if strings.Contains(page, `name="login"`) {
				form = url.Values{"prompt": {"login"}, "login": {login}, "password": {"x"}}
			}
			if res, err = browser.PostForm(m[1], form); err != nil {
				t.Fatalf("provider: %v", err)
			}
			page = readAll(t, res)
		}
		to, err := res.Location()
		if err != nil {
			t.Fatalf("provider: %s answers %d:\n%s", address, res.StatusCode, page)
		}
		address = to.String()
	}
	t.Fatalf("provider: it goes on for ever")
	return nil
}

func readAll(t T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	return string(b)
}
