// Package program is the command line of the gateway's own build: Caddy's commands and the gateway's, below a root that says what this program is. A build of xcaddy
// has Caddy's root over the same commands.
package program

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const name = "convosphere"

const long = `ConvoSphere is a gateway that protects web applications: it knows who asks, decides what
they may do, limits and filters requests, and records what happens. It is built on Caddy,
whose commands and configuration work as they do there.

To try it with a chat behind it:

  convosphere demo

To run it, write a Caddyfile, look whether it is right, and start:

  convosphere validate --config /etc/convosphere/Caddyfile
  convosphere run --config /etc/convosphere/Caddyfile

A running gateway takes another configuration without losing a request (convosphere reload).
What each directive does, convosphere directive says; what is wrong, convosphere doctor.`

const examples = `  convosphere run --config /etc/convosphere/Caddyfile
  convosphere reload --config /etc/convosphere/Caddyfile
  convosphere user add ursula --role admin --config /etc/convosphere/Caddyfile
  convosphere events tail --config /etc/convosphere/Caddyfile
  convosphere doctor --config /etc/convosphere/Caddyfile`

// Main runs the command that the program's arguments name, and ends with its code where it fails.
func Main() {
	caddy.CustomBinaryName = name // in help texts of Caddy's
	if err := Root().Execute(); err != nil {
		os.Exit(code(err))
	}
}

// Root is the whole command line.
func Root() *cobra.Command {
	_, version := caddy.Version()
	root := &cobra.Command{Use: name, Long: long, Example: examples, SilenceUsage: true, Version: version}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpTemplate(root.HelpTemplate() + "\nWhat each command is for, and the guides: docs/ of the release.\n")
	all := caddycmd.Commands()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(packages, name) {
			root.AddCommand(made(all[name]))
		}
	}
	for _, name := range packages {
		root.AddCommand(refused(name))
	}
	root.AddCommand(manualCommand(root))
	takeEnvironment(root)
	return root
}

// made is a command as Caddy makes it.
func made(c caddycmd.Command) *cobra.Command {
	cmd := &cobra.Command{Use: c.Name + " " + c.Usage, Short: c.Short, Long: c.Long}
	if c.CobraFunc != nil {
		c.CobraFunc(cmd)
		return cmd
	}
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(c.Func)
	cmd.Flags().AddGoFlagSet(c.Flags)
	return cmd
}

// packages are the commands of Caddy that put a binary of its download page in the place of this one. It would have no gateway in it, or one that nobody has signed.
var packages = []string{"upgrade", "add-package", "remove-package"}

func refused(name string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "Is not of this program", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("what Caddy offers for download is no release of the gateway: those are signed and can be rebuilt; docs/releases.md says how to get and check one, and how to build one with other modules")
		},
	}
}

func manualCommand(root *cobra.Command) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "manpage --directory DIR", Short: "Writes the manual pages", Long: "Writes a manual page for each command into a folder, which is made where it is missing.",
		Example: "  convosphere manpage --directory /usr/share/man/man8", Args: cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&dir, "directory", "o", "", "The folder")
	cmd.RunE = func(*cobra.Command, []string) error {
		if dir == "" {
			return errors.New("name the folder with --directory")
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := doc.GenManTree(root, &doc.GenManHeader{Title: "CONVOSPHERE", Section: "8", Source: "ConvoSphere", Manual: "ConvoSphere"}, dir); err != nil {
			return fmt.Errorf("writing manual pages: %w", err)
		}
		return nil
	}
	return cmd
}

// code is the exit code that an error stands for. Caddy's error with one has no name outside Caddy, but a field.
func code(err error) int {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		if f := v.FieldByName("ExitCode"); f.Kind() == reflect.Int {
			return int(f.Int())
		}
	}
	return 1
}
