package recipe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/sign"
)

// repository is one of this source, with a commit that says it is 1.2.3.
func repository(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../../.."
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join("../../..", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed yet
		} else if err != nil {
			t.Fatal(err)
		}
		if name == "CHANGELOG.md" {
			b = bytes.Replace(b, []byte("## [Unreleased]\n"), []byte("## [Unreleased]\n\n## [1.2.3] - 2026-11-27\n"), 1)
		}
		write(t, filepath.Join(dir, name), b)
	}
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "release")
	return dir
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"}, args...)...)
	cmd.Dir = dir
	// The same source by the same person at the same second is the same commit.
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-11-27T10:00:00Z", "GIT_COMMITTER_DATE=2026-11-27T10:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func throwaway(t *testing.T) (private, signers string) {
	t.Helper()
	dir := t.TempDir()
	private, signers = filepath.Join(dir, "key"), filepath.Join(dir, "signers")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", private).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, signers, slices.Concat([]byte(sign.Signer+" "), public))
	return private, signers
}

// The whole recipe, with the smaller of the two programs for the machine that is here; `make reproducible` builds both.
func TestReleaseIsMadeOfOneCommitAndVerifies(t *testing.T) {
	private, signers := throwaway(t)
	root := repository(t)
	var lists [2][]byte
	var out string
	for i := range lists {
		out = filepath.Join(t.TempDir(), "v1.2.3")
		r := Recipe{Root: root, Out: out, Version: "v1.2.3", Key: private, Programs: []string{"chat"}, Targets: []compile.Target{here()}, Log: io.Discard}
		if err := r.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if lists[i], err = os.ReadFile(filepath.Join(out, sign.List)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(lists[0], lists[1]) {
		t.Errorf("made twice:\n%s\n%s", lists[0], lists[1])
	}
	if err := sign.Verify(t.Context(), out, signers); err != nil {
		t.Error(err)
	}
	platform := here().OS + "_" + here().Arch
	if _, err := os.Stat(filepath.Join(out, "chat_1.2.3_"+platform+".oci.tar")); err != nil {
		t.Error(err)
	}
	has := archive(t, filepath.Join(out, "convosphere_1.2.3_"+platform+".tar.gz"))
	for _, want := range []string{"chat", "README.md", "CHANGELOG.md", "SECURITY.md", "docs/releases.md", "caddyfiles/production.Caddyfile", "THIRD_PARTY_LICENSES.txt", "sbom/chat.cdx.json", "policies/data.json", "deploy/Dockerfile"} {
		if !slices.Contains(has, "convosphere_1.2.3_"+platform+"/"+want) {
			t.Errorf("the archive lacks %s", want)
		}
	}
	for _, name := range has {
		if strings.HasSuffix(name, ".go") {
			t.Errorf("the archive has %s", name)
		}
	}
	program := filepath.Join(out, "chat_1.2.3_"+platform+".cdx.json")
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	write(t, program, bytes.Replace(b, []byte("modernc.org/sqlite"), []byte("modernc.org/sqlight"), 1))
	if err := sign.Verify(t.Context(), out, signers); err == nil {
		t.Error("a release whose SBOM was changed verifies")
	}
}

func archive(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, h.Name)
	}
}

func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "CHANGELOG.md"), []byte("# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-27\n"))
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "one")
	git(t, dir, "tag", "v1.2.3")
	write(t, filepath.Join(dir, "more"), nil)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "two")
	make := func(version string) error {
		out := filepath.Join(t.TempDir(), "out")
		err := Recipe{Root: dir, Out: out, Version: version, Programs: []string{"chat"}, Targets: []compile.Target{here()}, Log: io.Discard}.Make(t.Context())
		if _, failed := os.Stat(out); !errors.Is(failed, os.ErrNotExist) {
			t.Errorf("%s: half a release is left", version)
		}
		return err
	}
	for version, want := range map[string]string{
		"v1.2.3":            "the tag v1.2.3 is on",
		"v1.2.4":            "CHANGELOG.md has no section",
		"1.2.3":             "is no version",
		"v1.2.3/../../../x": "is no version",
	} {
		if err := make(version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
	}
	write(t, filepath.Join(dir, "more"), []byte("not committed"))
	if err := make("v1.2.3"); err == nil || !strings.Contains(err.Error(), "not as the commit has them") {
		t.Errorf("a file that was changed: %v", err)
	}
}
