package compile

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var (
	here = Target{runtime.GOOS, runtime.GOARCH}
	r    = Release{Version: "v1.2.3", Commit: strings.Repeat("0123456789", 4)}
)

// source writes a small program of our module, as the whole is laid out: it says which gateway it is, and where it was compiled.
func source(t *testing.T, folder string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	for name, content := range map[string]string{
		"modules/small/main.go": `package main

import (
	"runtime"

	"github.com/convosphere/gateway/modules/internal/build"
)

func main() {
	_, file, _, _ := runtime.Caller(0)
	println(build.Text(), file)
}
`,
		"go.mod": "module github.com/convosphere/gateway\n\ngo 1.26.4\n\ntoolchain " + pinned(t) + "\n",
	} {
		write(t, filepath.Join(dir, name), content)
	}
	b, err := os.ReadFile("../../../modules/internal/build/build.go")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "modules", "internal", "build", "build.go"), string(b))
	return dir
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func pinned(t *testing.T) string {
	t.Helper()
	name, err := Toolchain("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// The fault first: by default a program holds the folder it was built in, so that two people never get the same one.
func TestWithoutOurFlagsTwoFoldersMakeTwoPrograms(t *testing.T) {
	var sums [2]string
	for i, folder := range []string{"here", "and-somewhere-else"} {
		dir := source(t, folder)
		out := filepath.Join(dir, "small")
		cmd := exec.Command("go", "build", "-o", out, "./modules/small")
		cmd.Dir, cmd.Env = dir, Env(pinned(t), here)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		if err := silent(out, dir); err == nil {
			t.Error("the program does not hold the name of its folder: the check finds nothing")
		}
		sums[i], _ = Sum(out)
	}
	if sums[0] == sums[1] {
		t.Error("the programs are the same: what are the flags for?")
	}
}

func TestTwoBuildsAreTheSame(t *testing.T) {
	folders := [2]string{source(t, "here"), source(t, "and-somewhere-else")}
	// What a user has set makes no difference.
	t.Setenv("GOFLAGS", "-tags=mine -ldflags=-X=main.x=y")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("CGO_ENABLED", "1")
	o := Options{Package: "./modules/small", Target: here, Release: r}
	sum, err := Twice(t.Context(), o, folders)
	if err != nil {
		t.Fatal(err)
	}
	o.Root, o.Out = folders[0], filepath.Join(t.TempDir(), "small")
	if err := Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got, _ := Sum(o.Out); got != sum {
		t.Errorf("a build with what was built before is %s, one from nothing %s", got, sum)
	}
	said, err := exec.Command(o.Out).CombinedOutput()
	if want := "v1.2.3 (012345678901) github.com/convosphere/gateway/modules/small/main.go\n"; err != nil || string(said) != want {
		t.Errorf("it says %q, want %q (%v)", said, want, err)
	}
	// A line more in one of them is found; what was built before may be used for that.
	cache, err := goEnv(t.Context(), "GOCACHE")
	if err != nil {
		t.Fatal(err)
	}
	o.Env = []string{"GOCACHE=" + cache}
	write(t, filepath.Join(folders[1], "modules", "small", "more.go"), "package main\n\nfunc init() { println(1) }\n")
	if _, err := Twice(t.Context(), o, folders); !errors.Is(err, ErrDiffers) {
		t.Errorf("another source: %v", err)
	}
}

func TestVersionsThatAreNone(t *testing.T) {
	for _, v := range []string{"v1.2.3", "v0.1.0-rc.1", "v10.20.30-beta-2"} {
		if err := (Release{v, r.Commit}).Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, v := range []string{"", "1.2.3", "v1.2", "v01.2.3", "v1.2.3 -X main.x=y", "v1.2.3/../../x", "v1.2.3;id", "v1.2.3\n", "v1.2.3-", "v1.2.3-" + strings.Repeat("a", 99), "latest"} {
		if err := (Release{v, r.Commit}).Validate(); err == nil {
			t.Errorf("%q was taken", v)
		}
	}
	for _, c := range []string{"", "HEAD", "0123", strings.Repeat("g", 40)} {
		if err := (Release{"v1.2.3", c}).Validate(); err == nil {
			t.Errorf("commit %q was taken", c)
		}
	}
}

func TestToolchainMustBePinned(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module x\n\ngo 1.26\n")
	if _, err := Toolchain(dir); err == nil {
		t.Error("a module that pins none was taken")
	}
	// One that is not there fails; it is not replaced by the one that is.
	small := source(t, "old")
	write(t, filepath.Join(small, "go.mod"), "module github.com/convosphere/gateway\n\ngo 1.26.4\n\ntoolchain go1.26.99\n")
	t.Setenv("GOPROXY", "off")
	if err := Build(t.Context(), Options{Root: small, Package: "./modules/small", Out: filepath.Join(small, "out"), Target: here, Release: r}); err == nil {
		t.Error("built with another toolchain than the pinned one")
	}
}

func TestHeadTellsWhatIsNotOfTheCommit(t *testing.T) {
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, b)
		}
	}
	do("init", "-q")
	write(t, filepath.Join(dir, "a"), "1")
	do("add", "a")
	do("commit", "-q", "-m", "one")
	first, err := Head(t.Context(), dir)
	if err != nil || len(first.Dirty) > 0 || len(first.Commit) != 40 || first.At.IsZero() {
		t.Fatalf("%+v, %v", first, err)
	}
	do("tag", "-a", "-m", "one", "v1.0.0")
	do("tag", "v1.0.1")
	write(t, filepath.Join(dir, "a"), "2")
	write(t, filepath.Join(dir, "b"), "1")
	if s, err := Head(t.Context(), dir); err != nil || len(s.Dirty) != 2 {
		t.Errorf("a file changed and one added: %+v, %v", s, err)
	}
	do("add", "a", "b")
	do("commit", "-q", "-m", "two")
	second, err := Head(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for tag, ok := range map[string]bool{"v1.0.0": true, "v1.0.1": true, "v2.0.0": true} {
		if err := Tagged(t.Context(), dir, tag, first.Commit); (err == nil) != ok {
			t.Errorf("%s on the first commit: %v", tag, err)
		}
		if err := Tagged(t.Context(), dir, tag, second.Commit); (err == nil) != (tag == "v2.0.0") {
			t.Errorf("%s on the second commit: %v", tag, err)
		}
	}
	into := t.TempDir()
	if err := Export(context.Background(), dir, first.Commit, into); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(into, "a")); err != nil || string(b) != "1" {
		t.Errorf("exported %q, %v", b, err)
	}
}
