package recipe

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/deploy/release/compile"
)

// packages has the recipes in deploy/ write images and Debian packages, of the same programs that the archives have.
func (w *work) packages(ctx context.Context) error {
	return w.each(func(program string, t compile.Target, binary string) error {
		what := program
		if program == gateway {
			what = "gateway"
		}
		image := filepath.Join(w.Out, w.name(program, t)+".oci.tar")
		if err := w.run(ctx, "go", "run", "./deploy/image", "-what", what, "-binary", binary, "-version", w.Version, "-arch", t.Arch, "-out", image); err != nil {
			return err
		}
		if program != gateway {
			return nil
		}
		version := strings.TrimPrefix(w.Version, "v")
		deb := filepath.Join(w.Out, program+"_"+version+"_"+t.Arch+".deb")
		// To Debian, what stands behind a ~ is before the version, and what stands behind a - is its own.
		return w.run(ctx, filepath.Join("deploy", "debian", "build"), binary, strings.Replace(version, "-", "~", 1), t.Arch, deb, w.host())
	})
}

// run runs a command of the tree, built for here, at the time of the commit.
func (w *work) run(ctx context.Context, name string, args ...string) error {
	toolchain, err := compile.Toolchain(w.tree)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.tree
	cmd.Env = append(compile.Env(toolchain, here()), "SOURCE_DATE_EPOCH="+strconv.FormatInt(w.source.At.Unix(), 10))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
