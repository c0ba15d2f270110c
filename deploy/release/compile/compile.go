// Package compile builds programs so that whoever has the same source gets the same bytes: nothing of the machine, the folder, the hour or the user's settings is in them.
package compile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
)

const stamped = "github.com/convosphere/gateway/modules/internal/build"

// Release is what a program says of itself.
type Release struct {
	Version string // v1.2.3
	Commit  string // whole, in hex
}

// Target is the platform.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// settings of the go command that change what comes out. All are said: none is left to whoever builds.
func settings(toolchain string, t Target) []string {
	return []string{
		"GOTOOLCHAIN=" + toolchain, "GOOS=" + t.OS, "GOARCH=" + t.Arch, "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0",
		"GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off", "GOENV=off", "GODEBUG=",
	}
}

// Env is the environment for the go command: the caller's, where the module cache is known from, with our settings over it.
func Env(toolchain string, t Target) []string {
	return append(os.Environ(), settings(toolchain, t)...)
}

// Flags are those of go build.
func Flags(r Release) []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", fmt.Sprintf("-s -w -X %s.version=%s -X %s.commit=%s", stamped, r.Version, stamped, r.Commit)}
}

var (
	version = regexp.MustCompile(`^v(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?$`)
	commit  = regexp.MustCompile(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)
)

// Validate refuses what is no version, since both go into a command line and into file names.
func (r Release) Validate() error {
	if !version.MatchString(r.Version) || len(r.Version) > 64 {
		return fmt.Errorf("%q is no version as v1.2.3 or v1.2.3-rc.1", r.Version)
	}
	if !commit.MatchString(r.Commit) {
		return fmt.Errorf("%q is no commit", r.Commit)
	}
	return nil
}

// Toolchain is the one that go.mod pins.
func Toolchain(root string) (string, error) {
	name := filepath.Join(root, "go.mod")
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	f, err := modfile.Parse(name, b, nil)
	if err != nil {
		return "", err
	}
	if f.Toolchain == nil {
		return "", errors.New("go.mod pins no toolchain")
	}
	return f.Toolchain.Name, nil
}

// Options of a build.
type Options struct {
	Root    string // of the source
	Package string // as ./cmd/convosphere
	Out     string // the file to write
	Release Release
	Target  Target

	// Env is added to the environment: other caches, in checks.
	Env []string
}

// Build builds one program.
func Build(ctx context.Context, o Options) error {
	toolchain, err := Toolchain(o.Root)
	if err != nil {
		return err
	}
	args := append(append([]string{"build"}, Flags(o.Release)...), "-o", o.Out, o.Package)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = o.Root
	cmd.Env = append(Env(toolchain, o.Target), o.Env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s for %s: %w: %s", o.Package, o.Target, err, strings.TrimSpace(out.String()))
	}
	return nil
}
