package host

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// ExitFound is the exit code that scripts tell findings from errors by.
const ExitFound = 3

// Finds makes a command of f, which tells whether it found something.
func Finds(f func(cmd *cobra.Command, args []string) (found bool, err error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		found, err := f(cmd, args)
		if err != nil || !found {
			return err
		}
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		// Caddy's own way to an exit code.
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return ExitFound, nil })(cmd, args)
	}
}

// ReadInput reads the file of that name, or standard input for "-", up to so many bytes.
func ReadInput(cmd *cobra.Command, name string, most int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d MiB", name, most>>20)
	}
	return b, nil
}

// PrintJSON writes v for people and programs.
func PrintJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
