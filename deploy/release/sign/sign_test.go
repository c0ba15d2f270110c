package sign

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// key makes a throw-away key, and the file of allowed signers that names it.
func key(t *testing.T) (private, signers string) {
	t.Helper()
	dir := t.TempDir()
	private, signers = filepath.Join(dir, "key"), filepath.Join(dir, "signers")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", private).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, signers, Signer+` namespaces="`+Namespace+`" `+string(public))
	return private, signers
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func released(t *testing.T, private string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gateway_1.2.3.tar.gz"), "the program")
	write(t, filepath.Join(dir, "gateway_1.2.3.cdx.json"), "{}")
	if err := WriteList(dir); err != nil {
		t.Fatal(err)
	}
	if err := Sign(t.Context(), dir, private); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTamperedReleaseIsRefused(t *testing.T) {
	private, signers := key(t)
	theirs, _ := key(t)
	program := func(dir string) string { return filepath.Join(dir, "gateway_1.2.3.tar.gz") }
	resign := func(t *testing.T, dir, private, namespace string) {
		list := filepath.Join(dir, List)
		if err := os.Remove(list + ".sig"); err != nil {
			t.Fatal(err)
		}
		if err := run(exec.Command("ssh-keygen", "-Y", "sign", "-n", namespace, "-f", private, list)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		tamper func(*testing.T, string)
		want   string
	}{
		"as it was released": {func(*testing.T, string) {}, ""},
		"another program":    {func(t *testing.T, dir string) { write(t, program(dir), "their program") }, "is not the file that was released"},
		"another program, with a list to match": {func(t *testing.T, dir string) {
			write(t, program(dir), "their program")
			if err := WriteList(dir); err != nil {
				t.Fatal(err)
			}
		}, "signature"},
		"the same, signed by somebody else": {func(t *testing.T, dir string) {
			write(t, program(dir), "their program")
			if err := WriteList(dir); err != nil {
				t.Fatal(err)
			}
			if err := Sign(t.Context(), dir, theirs); err != nil {
				t.Fatal(err)
			}
		}, "signature"},
		"signed by us, for something else": {func(t *testing.T, dir string) { resign(t, dir, private, "git") }, "signature"},
		"without a signature": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, List+".sig")); err != nil {
				t.Fatal(err)
			}
		}, "signature"},
		"a file more": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "install.sh"), "#!") }, "install.sh was not released"},
		"a file less": {func(t *testing.T, dir string) {
			if err := os.Remove(program(dir)); err != nil {
				t.Fatal(err)
			}
		}, "no such file"},
		"a list that leads elsewhere, signed by us": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, List), strings.Repeat("0", 64)+"  ../../etc/passwd\n")
			resign(t, dir, private, Namespace)
		}, "none of it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := released(t, private)
			c.tamper(t, dir)
			err := Verify(t.Context(), dir, signers)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What docs/releases.md tells users to run takes what we sign, and nothing else.
func TestUsersVerifyWithWhatTheyHave(t *testing.T) {
	private, signers := key(t)
	page, err := os.ReadFile("../../../docs/releases.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(string(page), "<!-- verify -->\n```sh check\n")
	if script, _, _ = strings.Cut(script, "```"); !ok || script == "" {
		t.Fatal("docs/releases.md shows no commands")
	}
	check := func(dir string) error {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = dir
		return run(cmd)
	}
	dir := released(t, private)
	content, err := os.ReadFile(signers)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "allowed_signers"), string(content))
	if err := check(dir); err != nil {
		t.Errorf("as it was released: %v", err)
	}
	write(t, filepath.Join(dir, "gateway_1.2.3.tar.gz"), "their program")
	if err := check(dir); err == nil {
		t.Error("another program was taken")
	}
	if err := WriteList(dir); err != nil {
		t.Fatal(err)
	}
	if err := check(dir); err == nil {
		t.Error("another program with a list to match was taken")
	}
}
