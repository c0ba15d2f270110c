// Command release is the supply chain of the gateway: of what the programs are made, under which terms, whether that is known to be vulnerable, whether two builds are the same, and the
// files that are published. docs/releases.md says how it is used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes; others are 1.
const (
	exitUsage     = 2
	exitFound     = 3 // vulnerabilities, as govulncheck has it
	exitUnchecked = 4 // no database to ask
)

// commands by their name.
var commands = map[string]func(context.Context, []string) error{
	"licences": licences, "sbom": writeSBOM, "vulncheck": vulncheck, "reproducible": reproducible, "make": makeRelease, "verify": verify,
}

const usage = `usage: go run ./release COMMAND
  licences [-o FILE]                          the licences of all that is linked; FILE gets their texts
  sbom [-version V] [-o FILE] BINARY          of what a binary is made, as CycloneDX 1.6
  vulncheck [-db URL] [-oldest TIME]          whether the programs call what is known to be vulnerable
  reproducible [-programs NAMES]              builds each program twice, from nothing, in two folders
  make -version V [-out DIR] [-key KEY]       a release of the commit that is checked out
  verify -signers FILE DIR                    whether a folder is a release, whole and unchanged
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	err := commands[args[0]](ctx, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", args[0], err)
	}
	return exit(err)
}
