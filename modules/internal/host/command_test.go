package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestFinds(t *testing.T) {
	failure := errors.New("no")
	for _, c := range []struct {
		found bool
		err   error
		want  string
	}{{false, nil, ""}, {true, nil, "exiting with status 3"}, {false, failure, "no"}, {true, failure, "no"}} { // Caddy's error with the code is not exported
		got := ""
		if err := Finds(func(*cobra.Command, []string) (bool, error) { return c.found, c.err })(&cobra.Command{}, nil); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestReadInput(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.SetIn(strings.NewReader("abc"))
	if b, err := ReadInput(cmd, "-", 3); err != nil || string(b) != "abc" {
		t.Errorf("%q %v", b, err)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadInput(cmd, name, 3); err == nil {
		t.Errorf("more than may be read: %q", b)
	}
	if _, err := ReadInput(cmd, name+"x", 3); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
