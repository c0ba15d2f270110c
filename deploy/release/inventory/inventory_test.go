package inventory

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestModulesAndWhatTheyNeed(t *testing.T) {
	inv, err := Load(t.Context(), "../../..", Target{Package: "./cmd/chat", OS: "linux", Arch: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(inv.Modules, func(m Module) bool { return m.Path == "modernc.org/sqlite" })
	if i < 0 || !slices.Contains(inv.Modules[i].Needs, "modernc.org/libc") || !slices.Contains(inv.Needs, "modernc.org/sqlite") || !strings.HasPrefix(inv.Go, "go1.") || inv.Root == "" {
		t.Errorf("%+v", inv)
	}
	for _, m := range inv.Modules {
		if !strings.HasPrefix(m.Sum, "h1:") || m.Dir == "" || len(m.Folders) == 0 || m.Path == inv.Main {
			t.Errorf("%+v", m)
		}
	}
}

func TestWhatCanNotBeToldIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ packages, want string }{
		"replaced":           {`[{"ImportPath":"a","Module":{"Path":"a","Version":"v1","Sum":"h1:","Replace":{"Path":"../a"}}}]`, "is replaced"},
		"of no module":       {`[{"ImportPath":"a"}]`, "of no module"},
		"without a checksum": {`[{"ImportPath":"a","Dir":"/a","Module":{"Path":"a","Version":"v1","Dir":"/a"}}]`, "no checksum"},
		"no program":         {`[{"ImportPath":"fmt","Standard":true}]`, "of no module"},
	} {
		t.Run(name, func(t *testing.T) {
			var packages []listed
			if err := json.Unmarshal([]byte(c.packages), &packages); err != nil {
				t.Fatal(err)
			}
			if _, err := collect(packages); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
