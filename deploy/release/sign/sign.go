// Package sign signs the list of a release's files, and checks lists and files, as docs/releases.md tells users to: with OpenSSH's signatures (ssh-keygen -Y, PROTOCOL.sshsig), which
// every machine with ssh can verify. The key may be a file, in an agent, or a security key that has to be touched.
package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/convosphere/gateway/deploy/release/compile"
)

const (
	// Namespace keeps a signature of something else, made by the same key, from being taken for one of a release.
	Namespace = "convosphere-release"
	// Signer is as whom the allowed signers know the key.
	Signer = "security@convosphere.example"
	// List is the file that is signed.
	List = "SHA256SUMS"
)

// mostList bounds a list that is read: some dozen files, 200 bytes each.
const mostList = 1 << 20

// WriteList writes the digests of all that lies in the folder, as sha256sum does.
func WriteList(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, e := range entries {
		if e.Name() == List || e.Name() == List+".sig" {
			continue
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is no file", e.Name())
		}
		sum, err := compile.Sum(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s  %s\n", sum, e.Name())
	}
	return os.WriteFile(filepath.Join(dir, List), []byte(list.String()), 0o644)
}

// Sign signs the list in the folder with a key of ssh: the file of a private key, or of a public one whose other half an agent has.
func Sign(ctx context.Context, dir, key string) error {
	list := filepath.Join(dir, List)
	if err := os.Remove(list + ".sig"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // ssh-keygen asks before it writes over one
	}
	return run(exec.CommandContext(ctx, "ssh-keygen", "-Y", "sign", "-n", Namespace, "-f", key, list))
}

// Verify checks a folder that somebody got: the list's signature against the allowed signers (ssh-keygen(1)), then each file against the list. A file that the list does not have, or
// that is not there, is an error.
func Verify(ctx context.Context, dir, signers string) error {
	list, err := read(filepath.Join(dir, List))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-Y", "verify", "-n", Namespace, "-I", Signer, "-f", signers, "-s", filepath.Join(dir, List+".sig"))
	cmd.Stdin = bytes.NewReader(list)
	if err := run(cmd); err != nil {
		return fmt.Errorf("the signature of %s: %w", List, err)
	}
	return verifyFiles(dir, list)
}

var entry = regexp.MustCompile(`^([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._+~-]*)$`)

func verifyFiles(dir string, list []byte) error {
	var named []string
	for line := range strings.Lines(string(list)) {
		m := entry.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			return fmt.Errorf("%s has a line that is none of it", List)
		}
		sum, err := compile.Sum(filepath.Join(dir, m[2]))
		if err != nil {
			return err
		}
		if sum != m[1] {
			return fmt.Errorf("%s is not the file that was released", m[2])
		}
		named = append(named, m[2])
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != List && name != List+".sig" && !slices.Contains(named, name) {
			return fmt.Errorf("%s was not released", name)
		}
	}
	return nil
}

func read(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostList {
		return nil, fmt.Errorf("%s has %d bytes", name, info.Size())
	}
	return os.ReadFile(name)
}

func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(string(out)))
	}
	return nil
}
