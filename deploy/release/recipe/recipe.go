// Package recipe makes a release: everything that is published, from one commit, the same bytes whoever makes it.
package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/inventory"
	"github.com/convosphere/gateway/deploy/release/licence"
	"github.com/convosphere/gateway/deploy/release/sbom"
	"github.com/convosphere/gateway/deploy/release/sign"
)

// Recipe says what to make.
type Recipe struct {
	Root     string           // a clone, clean, with the commit checked out
	Out      string           // a folder, which must not be there yet
	Version  string           // as v1.2.3
	Key      string           // what ssh-keygen signs with; "" leaves the release unsigned
	Programs []string         // below cmd/
	Targets  []compile.Target // the platforms
	Log      io.Writer
}

// Programs and targets of a whole release.
var (
	Programs = []string{"convosphere", "chat"}
	Targets  = []compile.Target{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}}
)

// work is a release in the making.
type work struct {
	Recipe
	source  compile.Source
	release compile.Release
	tree    string // the commit's files
	build   string // what is built

	notice []byte              // THIRD_PARTY_LICENSES.txt
	found  map[string]findings // by program and target
	pages  string              // a folder with completions and manual pages; "" without the gateway
}

// findings are what is known of a program for a platform.
type findings struct {
	inventory *inventory.Inventory
	parts     []licence.Part
}

// Make makes it. On an error there is no folder.
func (r Recipe) Make(ctx context.Context) (err error) {
	if r.Out, err = filepath.Abs(r.Out); err != nil { // commands run in other folders
		return err
	}
	w := &work{Recipe: r, found: map[string]findings{}}
	if err := w.check(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "release-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w.tree, w.build = filepath.Join(dir, "tree"), filepath.Join(dir, "build")
	if err := errors.Join(os.Mkdir(w.tree, 0o755), os.Mkdir(w.build, 0o755), os.Mkdir(r.Out, 0o755)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(r.Out))
		}
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"exporting the commit", func(ctx context.Context) error { return compile.Export(ctx, r.Root, w.source.Commit, w.tree) }},
		{"licences", w.licences},
		{"building", w.programs},
		{"completions and manual", w.manual},
		{"SBOMs", w.sboms},
		{"archives", w.archives},
		{"images and packages", w.packages},
		{"checksums", func(context.Context) error { return sign.WriteList(r.Out) }},
		{"signing", w.sign},
	} {
		fmt.Fprintf(r.Log, "release: %s\n", step.name)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// check refuses what would be no release of this commit.
func (w *work) check(ctx context.Context) (err error) {
	if w.source, err = compile.Head(ctx, w.Root); err != nil {
		return err
	}
	if len(w.source.Dirty) > 0 {
		return fmt.Errorf("files are not as the commit has them: %s", strings.Join(w.source.Dirty, ", "))
	}
	w.release = compile.Release{Version: w.Version, Commit: w.source.Commit}
	if err := w.release.Validate(); err != nil {
		return err
	}
	if err := compile.Tagged(ctx, w.Root, w.Version, w.source.Commit); err != nil {
		return err
	}
	log, err := os.ReadFile(filepath.Join(w.Root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	if !strings.Contains(string(log), "\n## ["+strings.TrimPrefix(w.Version, "v")+"] - ") {
		return fmt.Errorf("CHANGELOG.md has no section %q: what is unreleased becomes it first", "## ["+strings.TrimPrefix(w.Version, "v")+"] - YYYY-MM-DD")
	}
	return nil
}

// each calls do for each program and platform, with the binary's file.
func (w *work) each(do func(program string, t compile.Target, binary string) error) error {
	for _, t := range w.Targets {
		for _, p := range w.Programs {
			if err := do(p, t, filepath.Join(w.build, t.OS+"_"+t.Arch, p)); err != nil {
				return fmt.Errorf("%s for %s: %w", p, t, err)
			}
		}
	}
	return nil
}

func key(program string, t compile.Target) string { return program + " " + t.String() }

func (w *work) licences(ctx context.Context) error {
	var lists [][]licence.Part
	err := w.each(func(program string, t compile.Target, _ string) error {
		inv, err := inventory.Load(ctx, w.tree, inventory.Target{Package: "./cmd/" + program, OS: t.OS, Arch: t.Arch})
		if err != nil {
			return err
		}
		parts, err := licence.All(inv)
		if err != nil {
			return err
		}
		w.found[key(program, t)] = findings{inv, parts}
		others, err := licence.OtherParts(w.tree, program)
		lists = append(lists, parts, others)
		return err
	})
	if err != nil {
		return err
	}
	var notice strings.Builder
	if err := licence.Write(&notice, licence.Merge(lists...)); err != nil {
		return err
	}
	w.notice = []byte(notice.String())
	return nil
}

func (w *work) programs(ctx context.Context) error {
	return w.each(func(program string, t compile.Target, binary string) error {
		return compile.Build(ctx, compile.Options{Root: w.tree, Package: "./cmd/" + program, Out: binary, Release: w.release, Target: t})
	})
}

func (w *work) sboms(context.Context) error {
	return w.each(func(program string, t compile.Target, binary string) (err error) {
		f, err := os.Create(filepath.Join(w.Out, w.name(program, t)+".cdx.json"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		found := w.found[key(program, t)]
		return sbom.Write(f, sbom.Source{
			Binary: binary, Version: w.Version, At: w.source.At, Inventory: found.inventory, Parts: found.parts, Others: licence.Others(program),
		})
	})
}

// name is how files about a program for a platform begin: convosphere_1.2.3_linux_amd64.
func (w *work) name(program string, t compile.Target) string {
	return program + "_" + strings.TrimPrefix(w.Version, "v") + "_" + t.OS + "_" + t.Arch
}

func (w *work) sign(ctx context.Context) error {
	if w.Key == "" {
		fmt.Fprintln(w.Log, "release: no key was named: the release is NOT signed")
		return nil
	}
	return sign.Sign(ctx, w.Out, w.Key)
}

// here is the platform that this program runs on.
func here() compile.Target { return compile.Target{OS: runtime.GOOS, Arch: runtime.GOARCH} }
