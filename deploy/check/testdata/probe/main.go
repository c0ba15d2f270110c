// Command probe tries what a confined program must not be able to do, and prints the name of each that it could.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	for name, try := range map[string]func() error{
		"memory to write and run": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		},
		"memory made to run": func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				return err
			}
			return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
		},
		"a socket of another family": func() error { _, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0); return err },
		"a namespace":                func() error { return unix.Unshare(unix.CLONE_NEWUTS) },
		"a file with its user's rights": func() error {
			file := os.TempDir() + "/probe"
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				return err
			}
			defer os.Remove(file)
			return unix.Chmod(file, 0o4755)
		},
		"another user":   func() error { return unix.Setuid(unix.Getuid()) },
		"a file of /usr": func() error { return os.WriteFile("/usr/bin/probe-was-here", nil, 0o600) },
	} {
		if try() == nil {
			fmt.Println(name)
		}
	}
	_ = os.Remove("/usr/bin/probe-was-here") // there only where nothing confines
}
