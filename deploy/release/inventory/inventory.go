// Package inventory tells of what a program is made: the modules that are linked into it, and which of them need which.
package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Target is a program for a platform.
type Target struct {
	Package string // as ./cmd/convosphere
	OS      string
	Arch    string
}

// Module is one that is linked into a program.
type Module struct {
	Path    string
	Version string
	Sum     string   // as go.sum has it: h1:…
	Dir     string   // where its files lie, whole
	Folders []string // those of its packages that are linked, below Dir; "" is Dir itself
	Needs   []string // paths of the modules whose packages its own import
}

// Inventory is what a program is made of.
type Inventory struct {
	Main    string // the module of the program
	Needs   []string
	Modules []Module // by path, without the program's own
	Root    string   // of the Go installation, whose library is linked, too
	Go      string   // its version, as go1.26.8
}

// listed is what `go list` tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string
	Error      *struct{ Err string }
	Module     *struct {
		Path, Version, Sum, Dir string
		Main                    bool
		Replace                 *struct{ Path string }
	}
}

// Load asks the go command, in the folder root.
func Load(ctx context.Context, root string, t Target) (*Inventory, error) {
	packages, err := list(ctx, root, t)
	if err != nil {
		return nil, err
	}
	inv, err := collect(packages)
	if err != nil {
		return nil, err
	}
	env, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("asking go env: %w", err)
	}
	inv.Root, inv.Go, _ = strings.Cut(strings.TrimSpace(string(env)), "\n")
	return inv, nil
}

func list(ctx context.Context, root string, t Target) ([]listed, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,Imports,Error,Module", t.Package)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.OS, "GOARCH="+t.Arch)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w: %s", t.Package, err, stderr.String())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading what go list tells: %w", err)
		}
		if p.Error != nil {
			return nil, fmt.Errorf("package %s: %s", p.ImportPath, p.Error.Err)
		}
		all = append(all, p)
	}
}

// collect makes modules of packages.
func collect(packages []listed) (*Inventory, error) {
	inv, modules, owner := &Inventory{}, map[string]*Module{}, map[string]string{}
	for _, p := range packages {
		if p.Module == nil {
			if !p.Standard {
				return nil, fmt.Errorf("package %s is of no module", p.ImportPath)
			}
			continue
		}
		// Whoever replaces a module must say of what it is made then; ours replaces none.
		if p.Module.Replace != nil {
			return nil, fmt.Errorf("module %s is replaced by %s", p.Module.Path, p.Module.Replace.Path)
		}
		owner[p.ImportPath] = p.Module.Path
		if p.Module.Main {
			inv.Main = p.Module.Path
			continue
		}
		m := modules[p.Module.Path]
		if m == nil {
			if p.Module.Sum == "" {
				return nil, fmt.Errorf("module %s has no checksum", p.Module.Path)
			}
			m = &Module{Path: p.Module.Path, Version: p.Module.Version, Sum: p.Module.Sum, Dir: p.Module.Dir}
			modules[m.Path] = m
		}
		folder, err := filepath.Rel(m.Dir, p.Dir)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.ImportPath, err)
		}
		m.Folders = append(m.Folders, strings.TrimPrefix(filepath.ToSlash(folder), "."))
	}
	if inv.Main == "" {
		return nil, errors.New("the program is of no module")
	}
	need(inv, modules, owner, packages)
	for _, m := range modules {
		slices.Sort(m.Folders)
		inv.Modules = append(inv.Modules, *m)
	}
	slices.SortFunc(inv.Modules, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return inv, nil
}

// need says which module imports which.
func need(inv *Inventory, modules map[string]*Module, owner map[string]string, packages []listed) {
	for _, p := range packages {
		from := owner[p.ImportPath]
		for _, i := range p.Imports {
			to := owner[i]
			switch {
			case from == "" || to == "" || from == to: // the standard library, or its own
			case from == inv.Main:
				inv.Needs = insert(inv.Needs, to)
			default:
				modules[from].Needs = insert(modules[from].Needs, to)
			}
		}
	}
}

// insert adds s to a sorted list that has it once.
func insert(all []string, s string) []string {
	i, found := slices.BinarySearch(all, s)
	if found {
		return all
	}
	return slices.Insert(all, i, s)
}
