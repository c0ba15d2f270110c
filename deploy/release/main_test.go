package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Scripts and people read the exit code: what was not checked is not what is fine.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	noProgram := filepath.Join(dir, "no-program")
	if err := os.WriteFile(noProgram, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"no command":                  {nil, exitUsage},
		"a command that there is not": {[]string{"publish"}, exitUsage},
		"help":                        {[]string{"make", "-h"}, 0},
		"a flag that there is not":    {[]string{"make", "-force"}, exitUsage},
		"more than flags":             {[]string{"licences", "x"}, exitUsage},
		"a platform that is none":     {[]string{"make", "-version", "v1.2.3", "-out", filepath.Join(dir, "out"), "-targets", "linux"}, exitUsage},
		"a version that is none":      {[]string{"make", "-version", "latest", "-out", filepath.Join(dir, "out")}, 1},
		"verify without keys":         {[]string{"verify", dir}, exitUsage},
		"no release":                  {[]string{"verify", "-signers", filepath.Join(dir, "signers"), dir}, 1},
		"no program of Go":            {[]string{"sbom", "-o", filepath.Join(dir, "x.json"), noProgram}, 1},
		"no database":                 {[]string{"vulncheck", "-db", "file:///nowhere/at/all"}, exitUnchecked},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t.Context(), c.args); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
	for _, left := range []string{"out", "x.json"} {
		if _, err := os.Stat(filepath.Join(dir, left)); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", left, err)
		}
	}
}
