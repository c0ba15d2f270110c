package compile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrDiffers is what two builds of one source must never be.
var ErrDiffers = errors.New("two builds of one source differ")

// Twice builds the program from two folders that hold the same source, each with a build cache of its own that begins empty and the module cache under another name, so that nothing is
// shared but the toolchain and the modules. It returns the SHA-256 of both, or ErrDiffers.
func Twice(ctx context.Context, o Options, folders [2]string) (string, error) {
	modules, err := goEnv(ctx, "GOMODCACHE")
	if err != nil {
		return "", err
	}
	var sums [2]string
	for i, folder := range folders {
		if sums[i], err = fresh(ctx, o, folder, modules); err != nil {
			return "", err
		}
	}
	if sums[0] != sums[1] {
		return "", fmt.Errorf("%w: %s is %s from %s, and %s from %s", ErrDiffers, o.Package, sums[0], folders[0], sums[1], folders[1])
	}
	return sums[0], nil
}

// fresh builds with nothing that was built before.
func fresh(ctx context.Context, o Options, folder, modules string) (sum string, err error) {
	dir, err := os.MkdirTemp("", "reproduce-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	elsewhere := filepath.Join(dir, "modules")
	if err := os.Symlink(modules, elsewhere); err != nil {
		return "", err
	}
	o.Root, o.Out = folder, filepath.Join(dir, "program")
	o.Env = append([]string{"GOCACHE=" + filepath.Join(dir, "cache"), "GOMODCACHE=" + elsewhere}, o.Env...)
	if err := Build(ctx, o); err != nil {
		return "", err
	}
	if err := silent(o.Out, folder, dir); err != nil {
		return "", err
	}
	return Sum(o.Out)
}

// silent refuses a program that tells where it was built.
func silent(file string, folders ...string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if strings.Contains(string(b), f) {
			return fmt.Errorf("%s holds the name of the folder it was built in: %s", file, f)
		}
	}
	return nil
}

// Sum is the SHA-256 of a file, in hex.
func Sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
