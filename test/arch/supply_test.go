package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/mod/modfile"
)

// One toolchain builds it all: go.mod pins it, the images are built with it. What this test runs with may be newer.
func TestToolchainIsPinnedOnce(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse("go.mod", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Toolchain == nil {
		t.Fatal("go.mod pins no toolchain")
	}
	// golang:1.26.8-bookworm, in whatever lies in deploy/
	image := regexp.MustCompile(`\bgolang:([0-9A-Za-z.]+)`)
	found := 0
	err = filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".go" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range image.FindAllSubmatch(b, -1) {
			found++
			if got := "go" + string(m[1]); got != f.Toolchain.Name {
				t.Errorf("%s builds with %s, go.mod pins %s", path, got, f.Toolchain.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("deploy/ names no image to build with")
	}
}
