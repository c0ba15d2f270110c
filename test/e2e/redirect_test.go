package e2e

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// elsewhere are spellings of another site, or of no site at all, as browsers, servers and people misread them.
var elsewhere = []string{
	"https://evil.test", "http://evil.test/", "https:evil.test", "https:/evil.test", "https:///evil.test", "HTTPS://evil.test", "//evil.test", "///evil.test", "////evil.test",
	`/\evil.test`, `\/evil.test`, `\\evil.test`, `/\/evil.test`, `\evil.test`, `/\\evil.test`, "/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "\t//evil.test", " //evil.test", "\x00//evil.test",
	"/%09/evil.test", "/%0a/evil.test", "/%2f%2fevil.test", "/%2fevil.test", "/%5cevil.test", "%2f%2fevil.test", "/.//evil.test", "/..//evil.test", "/a/..//evil.test", "/./\\evil.test",
	"//evil.test@localhost", "//localhost@evil.test", "https://localhost@evil.test", "https://localhost.evil.test", "//evil.test:443", "//[::ffff:7f00:1]@evil.test", "//evil%E3%80%82test", "/%ef%bc%8fevil.test",
	"//evil.test%23.localhost", "//evil.test%00.localhost", "/;@evil.test", "javascript://evil.test/%0aalert(1)", "JaVaScRiPt:alert('evil.test')", "java\tscript:alert('evil.test')", "data:text/html,evil.test",
	"vbscript:evil.test", "blob:https://evil.test/x", "ftp://evil.test", "wss://evil.test", "view-source:https://evil.test", "/auth/login?return_to=//evil.test", "/auth/api/session?evil.test",
	"/\u2028/evil.test", "/\u200b/evil.test", "\ufeff//evil.test", "//\u202eevil.test", "/\r\nLocation: https://evil.test", "/\r\n\r\n<script>evil.test</script>", `"><a href="//evil.test">`, "'-location='//evil.test'-'",
}

// leadsAway tells whether a browser that is on the site would leave it.
func leadsAway(t *testing.T, site, location string) bool {
	t.Helper()
	base, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(location, "\\\t\r\n") || strings.HasPrefix(strings.TrimLeft(location, " "), "//") {
		return true
	}
	to, err := base.Parse(location)
	return err != nil || to.Host != base.Host || to.Scheme != base.Scheme
}

// attribute is one of a page's; the templates quote all.
var attribute = regexp.MustCompile(`="([^"]*)"`)

// Whatever return_to says, who signs in stays on this site: the page that asks for the password names no other, and who is signed in already
// is sent nowhere else.
func TestReturnLeadsNowhereElse(t *testing.T) {
	n := own.node
	anonymous, known := n.Client(t), n.Client(t).Browserlike(t)
	known.Call(t, "POST", "/auth/api/login", map[string]string{"username": own.user.Username, "password": own.user.Password}).Want(t, http.StatusOK)
	pages := 0
	for _, to := range elsewhere {
		for _, query := range []string{"return_to=" + url.QueryEscape(to), "return_to=" + url.QueryEscape(url.QueryEscape(to)), "return_to=%2F&return_to=" + url.QueryEscape(to), "return_to=" + url.QueryEscape(to) + "&return_to=%2F"} {
			for _, path := range []string{"/auth/login", "/auth/mfa", "/auth/oidc/any/start", "/auth/register", "/auth"} {
				for name, c := range map[string]*kit.Client{"unknown": anonymous, "known": known} {
					a := c.Call(t, "GET", path+"?"+query, nil, kit.With("Accept", "text/html"), kit.With("Sec-Fetch-Mode", "navigate"))
					switch {
					case a.Status/100 == 3:
						if leadsAway(t, n.URL, a.Header.Get("Location")) {
							t.Errorf("%s, %s: %q leads to %q", name, path, to, a.Header.Get("Location"))
						}
					case a.Status == http.StatusOK:
						pages++
						for _, m := range attribute.FindAllStringSubmatch(string(a.Body), -1) {
							if v := html.UnescapeString(m[1]); strings.Contains(v, "evil") && (!strings.HasPrefix(v, "/") || leadsAway(t, n.URL, v)) {
								t.Errorf("%s, %s: the page for %q holds %q", name, path, to, v)
							}
						}
						if text := attribute.ReplaceAllString(string(a.Body), ""); strings.Contains(text, "evil") {
							t.Errorf("%s, %s: the page for %q holds it outside of attributes", name, path, to)
						}
					case a.Status/100 == 5:
						t.Errorf("%s, %s: %q gives %d", name, path, to, a.Status)
					}
					if a.Header.Get("Refresh") != "" {
						t.Errorf("%s, %s: %q gives a Refresh header", name, path, to)
					}
				}
			}
		}
	}
	if pages < 50 {
		t.Errorf("%d pages were shown: the test has lost its eyes", pages)
	}
}

// A page that wants a login sends there, and to no host that stands in the request, whatever its target looks like.
func TestTheWayToTheLoginStaysHere(t *testing.T) {
	n := own.node
	shown := 0
	for _, target := range []string{"//evil.test/", "//evil.test/%2e%2e", "///evil.test", `/\evil.test`, "/%5cevil.test", "/%2f/evil.test", "/.//evil.test", "/;//evil.test", "/@evil.test", "/a?b=//evil.test", "/a//evil.test", "/a/../evil.test", "/?//evil.test", "/?@evil.test", "/a:b@evil.test", "https://evil.test/"} {
		for _, host := range []string{"", "evil.test", "localhost@evil.test", "localhost.evil.test", "localhost:1@evil.test"} {
			authority := strings.TrimPrefix(n.URL, "https://")
			if host != "" {
				authority = host
			}
			res := exchange(t, n, "GET "+target+" HTTP/1.1\r\nHost: "+authority+"\r\nX-Forwarded-Host: evil.test\r\nX-Original-URL: //evil.test\r\nForwarded: host=evil.test\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nUser-Agent: convosphere-e2e/1\r\nConnection: close\r\n\r\n")
			if res == nil || res.Header.Get("Location") == "" {
				continue
			}
			to := res.Header.Get("Location")
			shown++
			if leadsAway(t, n.URL, to) {
				t.Errorf("%s, host %q: leads to %q", target, host, to)
			}
		}
	}
	if shown < 3 {
		t.Errorf("%d requests were sent to the login: the test has lost its eyes", shown)
	}
}
