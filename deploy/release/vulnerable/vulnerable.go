// Package vulnerable asks govulncheck whether the programs reach code that the Go vulnerability database knows. No database, no answer: that is an error of its own, and never taken
// for a good one.
package vulnerable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// Tool is the version that is run.
	Tool = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	// Database is Go's own.
	Database = "https://vuln.go.dev"
)

var (
	// ErrFound is that programs reach what is known to be vulnerable.
	ErrFound = errors.New("the programs call what is known to be vulnerable")
	// ErrUnchecked is that nothing is known, since there was no database to ask.
	ErrUnchecked = errors.New("nothing was checked")
)

// Check is one question.
type Check struct {
	Root     string
	Packages []string
	Database string        // http, https or file, as https://go.dev/doc/security/vuln/database describes
	Oldest   time.Duration // how long ago the database may have been changed last: a forgotten copy knows nothing of what came later
	Now      func() time.Time
	Env      []string // added to the environment
	Out      io.Writer
}

// Run asks the database when it was changed, then govulncheck, whose report goes to Out.
func (c Check) Run(ctx context.Context) error {
	changed, err := c.changed(ctx)
	if err != nil {
		return fmt.Errorf("%w: the vulnerability database %s can't be read: %w", ErrUnchecked, c.Database, err)
	}
	if age := c.Now().Sub(changed); age > c.Oldest {
		return fmt.Errorf("%w: the vulnerability database %s is of %s, older than %s", ErrUnchecked, c.Database, changed.Format(time.DateOnly), c.Oldest)
	}
	fmt.Fprintf(c.Out, "vulncheck: database %s of %s\n", c.Database, changed.Format(time.RFC3339))
	tool, remove, err := c.install(ctx)
	if err != nil {
		return err
	}
	defer remove()
	cmd := exec.CommandContext(ctx, tool, append([]string{"-db", c.Database}, c.Packages...)...)
	cmd.Dir = c.Root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), c.Env...)
	cmd.Stdout, cmd.Stderr = c.Out, c.Out
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() == 3: // https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck#hdr-Exit_codes
		return ErrFound
	default:
		return fmt.Errorf("%w: govulncheck: %w", ErrUnchecked, err)
	}
}

// changed is when the database was changed last.
func (c Check) changed(ctx context.Context) (time.Time, error) {
	u, err := url.Parse(c.Database)
	if err != nil {
		return time.Time{}, err
	}
	var r io.ReadCloser
	switch u.Scheme {
	case "file":
		r, err = os.Open(filepath.Join(filepath.FromSlash(u.Path), "index", "db.json"))
	case "http", "https":
		r, err = get(ctx, strings.TrimSuffix(c.Database, "/")+"/index/db.json")
	default:
		err = fmt.Errorf("%q is none of http, https and file", u.Scheme)
	}
	if err != nil {
		return time.Time{}, err
	}
	defer r.Close()
	var index struct {
		Modified time.Time `json:"modified"`
	}
	if err := json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&index); err != nil {
		return time.Time{}, fmt.Errorf("reading index/db.json: %w", err)
	}
	if index.Modified.IsZero() {
		return time.Time{}, errors.New("index/db.json says no time")
	}
	return index.Modified, nil
}

func get(ctx context.Context, from string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s answers %s", from, res.Status), res.Body.Close())
	}
	return res.Body, nil
}

// install builds the pinned govulncheck, whose exit codes `go run` would hide.
func (c Check) install(ctx context.Context) (tool string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "govulncheck-*")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // in the folder for what is temporary: no harm if it stays
	cmd := exec.CommandContext(ctx, "go", "install", Tool)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("%w: building %s: %w: %s", ErrUnchecked, Tool, err, out)
	}
	return filepath.Join(dir, "govulncheck"), remove, nil
}
