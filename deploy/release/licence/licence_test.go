package licence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/deploy/release/inventory"
)

var inventories = map[string]*inventory.Inventory{}

// load asks once for each program: it takes seconds.
func load(t *testing.T, program string) *inventory.Inventory {
	t.Helper()
	if inventories[program] == nil {
		inv, err := inventory.Load(t.Context(), "../../..", inventory.Target{Package: "./cmd/" + program, OS: "linux", Arch: "amd64"})
		if err != nil {
			t.Fatal(err)
		}
		inventories[program] = inv
	}
	return inventories[program]
}

// What is linked may be linked. That fails when somebody adds a module whose terms nobody has read.
func TestEveryPartMayBePassedOn(t *testing.T) {
	for _, program := range []string{"convosphere", "chat"} {
		inv := load(t, program)
		parts, err := All(inv)
		if err != nil {
			t.Error(err)
		}
		if len(parts) != len(inv.Modules)+1 {
			t.Errorf("%s: %d parts, want those of %d modules and the standard library", program, len(parts), len(inv.Modules))
		}
		others, err := OtherParts("../../..", program)
		if err != nil {
			t.Error(err)
		}
		var notice strings.Builder
		if err := Write(&notice, Merge(parts, others)); err != nil {
			t.Fatal(err)
		}
		for _, p := range append(parts, others...) {
			if !strings.Contains(notice.String(), "\n"+p.Name+" "+p.Version+"\n") {
				t.Errorf("%s: the notice does not name %s", program, p.Name)
			}
			for _, text := range p.Texts {
				if !strings.Contains(notice.String(), strings.TrimRight(strings.ReplaceAll(text.Content, "\r\n", "\n"), "\n")) {
					t.Errorf("%s: the notice lacks %s of %s", program, text.File, p.Name)
				}
			}
		}
	}
}

const (
	mit = `MIT License

Copyright (c) 2026 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without
restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`
	gpl = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, either version
3 of the License, or (at your option) any later version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See
the GNU General Public License for more details.

You should have received a copy of the GNU General Public License along with this program. If not, see <https://www.gnu.org/licenses/>.
`
)

// module writes one with these files, whose packages are in the top folder and in pkg/part.
func module(t *testing.T, files map[string]string) inventory.Module {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "pkg", "part"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return inventory.Module{Path: "example.org/thing", Version: "v1.0.0", Dir: dir, Folders: []string{"", "pkg/part"}}
}

func TestTermsThatAreRefused(t *testing.T) {
	if p, err := Find(module(t, map[string]string{"LICENSE": mit, "NOTICE": "made by us", "license.go": gpl, "other/LICENSE": gpl})); err != nil || len(p.Texts) != 2 {
		t.Fatalf("the MIT licence with a notice: %v, %d texts", err, len(p.Texts))
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":                {map[string]string{"README.md": mit}, "no file says its licence"},
		"copyleft":            {map[string]string{"COPYING": gpl}, "GPL-3.0-or-later"},
		"copyleft beside MIT": {map[string]string{"LICENSE": mit, "LICENSE.gpl": gpl}, "GPL-3.0-or-later"},
		"copyleft below":      {map[string]string{"LICENSE": mit, "pkg/LICENSE": gpl}, "GPL-3.0-or-later"},
		"copyleft behind MIT": {map[string]string{"LICENSE": mit + "\n\n" + gpl}, "GPL-3.0-or-later"},
		"nobody knows it":     {map[string]string{"LICENSE": "All of this belongs to us, and you may look at it on Sundays."}, "no licence that is known"},
		"a clause more":       {map[string]string{"LICENSE": mit + "\nThe Software must not be offered to others as a service, nor be used by whoever competes with us.\n"}, "no licence that is known"},
		"a short clause more": {map[string]string{"LICENSE": mit + "\nThe Software shall be used for Good, not Evil.\n"}, "no licence that is known"},
		"too long to be read": {map[string]string{"LICENSE": mit + strings.Repeat(" ", maxFile)}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Find(module(t, c.files))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// What somebody has read counts for that text alone.
func TestTextThatWasReadAndHasChanged(t *testing.T) {
	const name = "github.com/AndreasBriese/bbloom"
	for _, m := range load(t, "convosphere").Modules {
		if m.Path != name {
			continue
		}
		content, err := os.ReadFile(filepath.Join(m.Dir, "LICENSE"))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := reviewed(name, "LICENSE", string(content)); !ok {
			t.Error("the text that was read is not known")
		}
		if _, ok := reviewed(name, "LICENSE", string(content)+" And you owe us a beer."); ok {
			t.Error("the text that was changed is")
		}
		return
	}
	t.Fatalf("%s is no longer linked: name another", name)
}

// Each entry of the tables is needed: one that is left over would let something in later.
func TestNothingIsExceptedInVain(t *testing.T) {
	parts, err := All(load(t, "convosphere"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, p := range parts {
		for _, id := range p.IDs {
			used[p.Name+" "+id] = true
		}
		for _, text := range p.Texts {
			used[p.Name+"/"+text.File] = true
		}
	}
	for name := range read {
		if !used[name] {
			t.Errorf("%s was read, and is not linked", name)
		}
	}
	for module, ids := range excepted {
		for id := range ids {
			if !used[module+" "+id] {
				t.Errorf("%s is excepted for %s, and needs it not", module, id)
			}
		}
	}
}

func TestOthersHoldTheirTerms(t *testing.T) {
	root := t.TempDir()
	o := Other{Name: "thing", Version: "1.2.3", File: "thing.js", IDs: []string{"MIT"}}
	for name, c := range map[string]struct{ content, want string }{
		"as said":         {"/*! thing 1.2.3, from https://example.org\n\n" + mit + "*/ code", ""},
		"another version": {"/*! thing 1.2.4, from https://example.org\n\n" + mit + "*/ code", "does not begin with"},
		"none":            {"code", "does not begin with"},
		"another licence": {"/*! thing 1.2.3, from https://example.org\n\n" + gpl + "*/ code", "GPL"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(root, o.File), []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := o.Part(root)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
