package program

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// takeEnvironment gives each command the flag --envfile, which those of Caddy that start a gateway have already: a command reads the same configuration, and so needs the
// same environment as the unit gives the gateway.
func takeEnvironment(root *cobra.Command) {
	var names []string
	root.PersistentFlags().StringSliceVar(&names, "envfile", nil, "A file of the environment that the configuration names, NAME=VALUE a line, as the gateway's unit has it")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		for _, name := range names {
			if err := readEnvironment(name); err != nil {
				return err
			}
		}
		return nil
	}
}

// readEnvironment sets what is not set yet, as Caddy does. What stands in the file is no part of an error: it has secrets.
func readEnvironment(name string) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the environment: %w", err)
	}
	for i, line := range strings.Split(string(raw), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || strings.ContainsAny(key, " \t\"'") {
			return fmt.Errorf("%s, line %d: it is not NAME=VALUE", name, i+1)
		}
		if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
			value = value[1 : n-1]
		}
		if _, set := os.LookupEnv(key); set {
			continue
		}
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, i+1, err)
		}
	}
	return nil
}
