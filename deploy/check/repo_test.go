package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the repository, from this folder.
const root = "../.."

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// goVersion is the Go that builds the repository: go.mod's toolchain, or the one here.
func goVersion(t *testing.T) string {
	t.Helper()
	if m := regexp.MustCompile(`(?m)^toolchain go(\S+)$`).FindStringSubmatch(read(t, "go.mod")); m != nil {
		return m[1]
	}
	return strings.TrimPrefix(runtime.Version(), "go")
}

// run runs a program in the repository and returns what it printed.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func command(env []string, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Env = root, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// commandHere runs a program in this module.
func commandHere(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return string(out), err
}

// binaries is the folder of the built programs, as make sets it; else they are built.
func binaries(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("GATEWAY_BIN_DIR"); dir != "" {
		return dir
	}
	dir := filepath.Join(os.TempDir(), "convosphere-deploy-bin")
	run(t, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", dir+"/", "./cmd/convosphere", "./cmd/chat")
	return dir
}

func parseYAML(t *testing.T, text string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}
