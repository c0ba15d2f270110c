package recipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/deploy/release/compile"
)

const gateway = "convosphere"

// shells that completions are written for, with what the file of each is called.
var shells = map[string]string{"bash": gateway, "zsh": "_" + gateway, "fish": gateway + ".fish"}

// manual has the gateway itself write completions and manual pages, and holds it to the version that it should say.
func (w *work) manual(ctx context.Context) error {
	if !slices.Contains(w.Programs, gateway) {
		return nil
	}
	program := w.host()
	if !slices.Contains(w.Targets, here()) {
		if err := compile.Build(ctx, compile.Options{Root: w.tree, Package: "./cmd/" + gateway, Out: program, Release: w.release, Target: here()}); err != nil {
			return err
		}
	}
	said, err := w.ask(ctx, program, "version")
	if err != nil {
		return err
	}
	// A linker that is told to write a variable which is not there says nothing.
	if want := w.Version + " (" + w.source.Commit[:12] + ")"; !strings.Contains(said, want) {
		return fmt.Errorf("the program says %q of itself, and not %s", strings.TrimSpace(said), want)
	}
	w.pages = filepath.Join(w.build, "pages")
	if err := errors.Join(os.MkdirAll(filepath.Join(w.pages, "completions"), 0o755), os.MkdirAll(filepath.Join(w.pages, "man"), 0o755)); err != nil {
		return err
	}
	for shell, file := range shells {
		text, err := w.ask(ctx, program, "completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.pages, "completions", file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err = w.ask(ctx, program, "manpage", "--directory", filepath.Join(w.pages, "man"))
	return err
}

// host is the gateway that runs here.
func (w *work) host() string { return filepath.Join(w.build, here().OS+"_"+here().Arch, gateway) }

// ask runs the program at the time of the commit, which manual pages bear, in a home of its own.
func (w *work) ask(ctx context.Context, program string, args ...string) (string, error) {
	home, err := os.MkdirTemp(w.build, "home-*")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "SOURCE_DATE_EPOCH=" + strconv.FormatInt(w.source.At.Unix(), 10)}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}
