package vulnerable

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// advisory is one as Go's database has them (https://go.dev/doc/security/vuln/database#schema), about a function that is really there; what it warns of is invented.
const advisory = `{
  "schema_version": "1.3.1", "id": "GO-2026-9999", "modified": "2026-11-26T00:00:00Z", "published": "2026-11-26T00:00:00Z",
  "summary": "Invented for a test", "details": "Invented for a test.",
  "affected": [{
    "package": {"name": "golang.org/x/mod", "ecosystem": "Go"},
    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "99.0.0"}]}],
    "ecosystem_specific": {"imports": [{"path": "golang.org/x/mod/semver", "symbols": ["Compare"]}]}
  }],
  "database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-9999"}
}`

// database writes a small copy of one, changed last at the given time.
func database(t *testing.T, changed time.Time) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"index/db.json":        `{"modified":"` + changed.Format(time.RFC3339) + `"}`,
		"index/modules.json":   `[{"path":"golang.org/x/mod","vulns":[{"id":"GO-2026-9999","modified":"2026-11-26T00:00:00Z","fixed":"99.0.0"}]}]`,
		"index/vulns.json":     `[{"id":"GO-2026-9999","modified":"2026-11-26T00:00:00Z"}]`,
		"ID/GO-2026-9999.json": advisory,
	} {
		write(t, filepath.Join(dir, name), content)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// program writes one that uses the module that the advisory is about.
func program(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	sums, err := os.ReadFile("../../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\tgolang.org/x/mod ")
	version, _, _ := strings.Cut(rest, "\n")
	write(t, filepath.Join(dir, "go.sum"), string(sums))
	write(t, filepath.Join(dir, "go.mod"), "module example.org/program\n\ngo 1.26\n\nrequire golang.org/x/mod "+version+"\n")
	write(t, filepath.Join(dir, "main.go"), "package main\n\nimport \"golang.org/x/mod/semver\"\n\nfunc main() { println("+body+") }\n")
	return dir
}

func check(t *testing.T, root, db string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Check{
		Root: root, Packages: []string{"."}, Database: db, Oldest: 30 * 24 * time.Hour, Now: func() time.Time { return now }, Out: &out,
		Env: []string{"GOFLAGS=-mod=mod", "GOPROXY=off"},
	}.Run(t.Context())
	return out.String(), err
}

func TestVulnerableFunctionIsFoundWhereItIsCalled(t *testing.T) {
	db := database(t, now.Add(-time.Hour))
	out, err := check(t, program(t, `semver.Compare("v1.0.0", "v1.0.1")`), db)
	if !errors.Is(err, ErrFound) || !strings.Contains(out, "GO-2026-9999") || !strings.Contains(out, "semver.Compare") {
		t.Errorf("called: %v\n%s", err, out)
	}
	out, err = check(t, program(t, `semver.IsValid("v1.0.0")`), db)
	if err != nil {
		t.Errorf("not called: %v\n%s", err, out)
	}
}

// Whoever can't ask must not be told that all is well.
func TestNoDatabaseIsNoGoodAnswer(t *testing.T) {
	deaf := httptest.NewServer(http.NotFoundHandler())
	deaf.Close()
	strange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>please sign in</html>")) }))
	t.Cleanup(strange.Close)
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	root := program(t, `semver.Compare("v1.0.0", "v1.0.1")`)
	for name, db := range map[string]string{
		"nobody answers":      deaf.URL,
		"somebody else":       strange.URL,
		"no such page":        empty.URL,
		"no such folder":      "file:///nowhere/at/all",
		"forgotten long ago":  database(t, now.Add(-31*24*time.Hour)),
		"of no time":          database(t, time.Time{}),
		"an address of no db": "ftp://example.org",
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := check(t, root, db); !errors.Is(err, ErrUnchecked) || errors.Is(err, ErrFound) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A program that can't be read was not checked either.
func TestProgramThatDoesNotCompileIsNotChecked(t *testing.T) {
	if out, err := check(t, program(t, `semver.NoSuchThing()`), database(t, now)); !errors.Is(err, ErrUnchecked) {
		t.Errorf("%v\n%s", err, out)
	}
}
