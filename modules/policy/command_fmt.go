package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/author"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func fmtCommand() *cobra.Command {
	var write, check, diff bool
	cmd := &cobra.Command{
		Use: "fmt PATH…|-", Short: "Lays out Rego as everybody's is", Args: host.AtLeast(1),
		Long: `Lays out files of Rego, and those in folders, as opa fmt does. Without a flag, and for "-" (standard input), it prints them; --check, --diff
and --write print only what is laid out otherwise, and leave the exit code 3 (--write: 0).`,
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "Rewrite the files")
	cmd.Flags().BoolVar(&check, "check", false, "Name the files that are laid out otherwise")
	cmd.Flags().BoolVarP(&diff, "diff", "d", false, "Show what would change")
	cmd.MarkFlagsMutuallyExclusive("write", "check", "diff")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		names, err := regoFiles(args)
		if err != nil {
			return false, err
		}
		found := false
		for _, name := range names {
			raw, err := host.ReadInput(cmd, name, engine.MaxFile)
			if err != nil {
				return false, err
			}
			laid, err := author.Format(name, raw)
			if err != nil {
				return false, err
			}
			changed := string(laid) != string(raw)
			if !write && !check && !diff {
				if _, err := cmd.OutOrStdout().Write(laid); err != nil {
					return false, err
				}
				continue
			}
			if !changed {
				continue
			}
			found = found || !write
			if err := lay(cmd.OutOrStdout(), name, raw, laid, write, diff); err != nil {
				return false, err
			}
		}
		return found, nil
	})
	return cmd
}

func lay(w io.Writer, name string, raw, laid []byte, write, diff bool) (err error) {
	switch {
	case write && name == "-":
		return errors.New("standard input can't be rewritten")
	case write:
		if err = replace(name, laid); err == nil {
			_, err = fmt.Fprintln(w, name)
		}
	case diff:
		_, err = io.WriteString(w, author.Diff(name, string(raw), string(laid)))
	default:
		_, err = fmt.Fprintln(w, name)
	}
	return err
}

// regoFiles are the files themselves, and those below folders that are no hidden ones.
func regoFiles(paths []string) (names []string, err error) {
	for _, p := range paths {
		if p == "-" {
			names = append(names, p)
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			names = append(names, p)
			continue
		}
		before := len(names)
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != p && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case !d.IsDir() && strings.HasSuffix(name, ".rego"):
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(names) == before { // a check of the wrong folder must not pass
			return nil, fmt.Errorf("there is no .rego file below %s", p)
		}
	}
	return names, nil
}

// replace puts a file's new content in place at once: the gateway may be watching.
func replace(name string, content []byte) error {
	name, err := filepath.EvalSymlinks(name) // a link stays one
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return replaceFile(name, content, info.Mode().Perm())
}
