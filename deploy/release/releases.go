package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/recipe"
	"github.com/convosphere/gateway/deploy/release/sign"
)

var errUsage = errors.New("usage")

// parse reads the flags, and insists on what stands after them.
func parse(f *flag.FlagSet, args []string, rest int) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.NArg() != rest {
		return fmt.Errorf("%w: %d arguments behind the flags, want %d", errUsage, f.NArg(), rest)
	}
	return nil
}

// reproducible builds the commit that is checked out, twice each.
func reproducible(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("reproducible", flag.ContinueOnError)
	programs := f.String("programs", strings.Join(recipe.Programs, ","), "`names` of programs, with commas")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	head, err := compile.Head(ctx, ".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "reproducible-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	folders := [2]string{filepath.Join(dir, "here"), filepath.Join(dir, "and-somewhere-else")}
	for _, folder := range folders {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		if err := compile.Export(ctx, ".", head.Commit, folder); err != nil {
			return err
		}
	}
	for p := range strings.SplitSeq(*programs, ",") {
		sum, err := compile.Twice(ctx, compile.Options{
			Package: "./cmd/" + p, Target: compile.Target{OS: runtime.GOOS, Arch: runtime.GOARCH}, Release: compile.Release{Version: "v0.0.0", Commit: head.Commit},
		}, folders)
		if err != nil {
			return err
		}
		fmt.Printf("%s  %s, twice from commit %.12s\n", sum, p, head.Commit)
	}
	return nil
}

func makeRelease(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("make", flag.ContinueOnError)
	version := f.String("version", "", "`version`, as v1.2.3 (required)")
	out := f.String("out", "", "`folder` to make; default: dist/VERSION")
	key := f.String("key", "", "`key` of ssh that signs: a private key's file, or a public one's where an agent has the other half")
	programs := f.String("programs", strings.Join(recipe.Programs, ","), "`names` of programs, with commas")
	targets := f.String("targets", "linux/amd64,linux/arm64", "`platforms`, with commas")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	r := recipe.Recipe{Root: ".", Out: *out, Version: *version, Key: *key, Programs: strings.Split(*programs, ","), Log: os.Stderr}
	if r.Out == "" {
		r.Out = filepath.Join("dist", r.Version)
	}
	for t := range strings.SplitSeq(*targets, ",") {
		system, arch, ok := strings.Cut(t, "/")
		if !ok {
			return fmt.Errorf("%w: %q is no platform as linux/amd64", errUsage, t)
		}
		r.Targets = append(r.Targets, compile.Target{OS: system, Arch: arch})
	}
	if err := os.MkdirAll(filepath.Dir(r.Out), 0o755); err != nil {
		return err
	}
	if err := r.Make(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "release: %s is in %s\n", r.Version, r.Out)
	return nil
}

func verify(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	signers := f.String("signers", "", "`file` of the keys that may sign, as ssh-keygen(1) has it (required)")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if *signers == "" {
		return fmt.Errorf("%w: -signers is required", errUsage)
	}
	if err := sign.Verify(ctx, f.Arg(0), *signers); err != nil {
		return err
	}
	fmt.Printf("%s is a release as it was signed\n", f.Arg(0))
	return nil
}
