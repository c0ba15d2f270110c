package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	module  = "github.com/convosphere/gateway"
	modules = module + "/modules/"
	caddy   = "github.com/caddyserver/caddy/v2"
	opa     = "github.com/open-policy-agent/opa"
	coraza  = "github.com/corazawaf/coraza"
)

// pkg is what `go list` tells of one package of ours.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	Error        *struct{ Err string }
}

var list = sync.OnceValues(func() ([]pkg, error) {
	// Not ./...: what lies in other folders is no package of the gateway.
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps,Error",
		"./cmd/...", "./modules/...", "./backend/...", "./policies/...", "./caddyfiles/...", "./deploy/...", "./test/...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New(err.Error() + ": " + stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

// root is the top of the repository: a test runs in its package's folder.
var root = filepath.Join("..", "..")

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages: the patterns are wrong", len(all))
	}
	for _, p := range all {
		if p.Error != nil {
			t.Fatalf("%s: %s", p.ImportPath, p.Error.Err)
		}
	}
	return all
}

// kind says where in the house a package stands.
type kind int

const (
	other    kind = iota
	engine        // below an app or handler, or internal
	top           // an app, a handler, or another package that registers with Caddy
	glue          // of internal, what speaks to Caddy for many packages
	standard      // modules/standard
)

// place returns the kind, and for a package below modules the folder it belongs to.
func place(path string) (kind, string) {
	rest, ok := strings.CutPrefix(path, modules)
	if !ok {
		return other, ""
	}
	owner, below, _ := strings.Cut(rest, "/")
	switch {
	// The two exceptions: order tells Caddy where the directives stand, host asks it for the ground and the apps. What they
	// do is nothing but to speak to Caddy, and every handler would else repeat it.
	case rest == "internal/order", rest == "internal/host":
		return glue, rest
	case owner == "internal":
		return engine, rest
	case owner == "standard":
		return standard, owner
	case below != "":
		return engine, owner
	}
	return top, owner
}

func links(p pkg, prefix string) bool {
	for _, d := range p.Deps {
		if d == prefix || strings.HasPrefix(d, prefix+"/") {
			return true
		}
	}
	return false
}

func imports(p pkg, prefix string) []string {
	var found []string
	for _, i := range p.Imports {
		if i == prefix || strings.HasPrefix(i, strings.TrimSuffix(prefix, "/")+"/") {
			found = append(found, i)
		}
	}
	return found
}
