package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/inventory"
	"github.com/convosphere/gateway/deploy/release/licence"
	"github.com/convosphere/gateway/deploy/release/recipe"
	"github.com/convosphere/gateway/deploy/release/sbom"
	"github.com/convosphere/gateway/deploy/release/vulnerable"
)

// licences prints how many parts are under which licences, of all programs and platforms.
func licences(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("licences", flag.ContinueOnError)
	out := f.String("o", "", "`file` for the texts")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	var lists [][]licence.Part
	var errs []error
	for _, t := range recipe.Targets {
		for _, p := range recipe.Programs {
			inv, err := inventory.Load(ctx, ".", inventory.Target{Package: "./cmd/" + p, OS: t.OS, Arch: t.Arch})
			if err != nil {
				return err
			}
			parts, err := licence.All(inv)
			others, failed := licence.OtherParts(".", p)
			lists, errs = append(lists, parts, others), append(errs, err, failed)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	parts := licence.Merge(lists...)
	count := map[string]int{}
	for _, p := range parts {
		count[strings.Join(p.IDs, " AND ")]++
	}
	for _, ids := range slices.Sorted(maps.Keys(count)) {
		fmt.Printf("%4d  %s\n", count[ids], ids)
	}
	fmt.Printf("%4d  parts in all, each under terms that may be passed on\n", len(parts))
	if *out == "" {
		return nil
	}
	return write(*out, func(w io.Writer) error { return licence.Write(w, parts) })
}

// writeSBOM writes the document of a binary that was built from this source.
func writeSBOM(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("sbom", flag.ContinueOnError)
	version := f.String("version", "devel", "`version` of the binary")
	out := f.String("o", "/dev/stdout", "`file` to write")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	binary := f.Arg(0)
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	inv, err := inventory.Load(ctx, ".", inventory.Target{Package: info.Path, OS: setting(info, "GOOS"), Arch: setting(info, "GOARCH")})
	if err != nil {
		return err
	}
	parts, err := licence.All(inv)
	if err != nil {
		return err
	}
	head, err := compile.Head(ctx, ".")
	if err != nil {
		return err
	}
	source := sbom.Source{Binary: binary, Version: *version, At: head.At, Inventory: inv, Parts: parts, Others: licence.Others(path.Base(info.Path))}
	return write(*out, func(w io.Writer) error { return sbom.Write(w, source) })
}

func setting(info *buildinfo.BuildInfo, key string) string {
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key })
	if i < 0 {
		return ""
	}
	return info.Settings[i].Value
}

func vulncheck(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("vulncheck", flag.ContinueOnError)
	db := f.String("db", vulnerable.Database, "`address` of a database of vulnerabilities, http(s):// or file://")
	oldest := f.Duration("oldest", 30*24*time.Hour, "how long `ago` it may have been changed last")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	var packages []string
	for _, p := range recipe.Programs {
		packages = append(packages, "./cmd/"+p)
	}
	err := vulnerable.Check{Root: ".", Packages: packages, Database: *db, Oldest: *oldest, Now: time.Now, Out: os.Stdout}.Run(ctx)
	if errors.Is(err, vulnerable.ErrUnchecked) {
		return fmt.Errorf("%w\nRun this where the database can be reached, or give a copy of it: make vulncheck VULNDB=file:///path (docs/releases.md says how one is made)", err)
	}
	return err
}

// exit is the code that tells a script what happened.
func exit(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, vulnerable.ErrFound):
		return exitFound
	case errors.Is(err, vulnerable.ErrUnchecked):
		return exitUnchecked
	}
	return 1
}

// write writes a file; none is left where that fails.
func write(name string, fill func(io.Writer) error) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(out), out.Close()); err != nil {
		if name != "/dev/stdout" {
			err = errors.Join(err, os.Remove(name))
		}
		return err
	}
	return nil
}
