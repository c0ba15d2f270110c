package sbom

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/inventory"
	"github.com/convosphere/gateway/deploy/release/licence"
)

var once struct {
	sync.Once
	source Source
	err    error
}

// chat is the back end's program, built once: it has SQLite and JWTs, and takes seconds.
func chat(t *testing.T) Source {
	t.Helper()
	once.Do(func() {
		var dir string
		if dir, once.err = os.MkdirTemp("", "sbom-*"); once.err != nil {
			return
		}
		s := &once.source
		s.Binary, s.Version, s.At = filepath.Join(dir, "chat"), "v1.2.3", time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
		once.err = compile.Build(t.Context(), compile.Options{
			Root: "../../..", Package: "./cmd/chat", Out: s.Binary, Target: compile.Target{OS: runtime.GOOS, Arch: runtime.GOARCH},
			Release: compile.Release{Version: s.Version, Commit: strings.Repeat("0", 40)},
		})
		if once.err != nil {
			return
		}
		if s.Inventory, once.err = inventory.Load(t.Context(), "../../..", inventory.Target{Package: "./cmd/chat", OS: runtime.GOOS, Arch: runtime.GOARCH}); once.err != nil {
			return
		}
		s.Parts, once.err = licence.All(s.Inventory)
		s.Others = licence.Others("convosphere")
	})
	if once.err != nil {
		t.Fatal(once.err)
	}
	return once.source
}

func TestMain(m *testing.M) {
	code := m.Run()
	if once.source.Binary != "" {
		os.RemoveAll(filepath.Dir(once.source.Binary))
	}
	os.Exit(code)
}

// schema is CycloneDX's own (https://github.com/CycloneDX/specification, Apache-2.0).
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		f, err := os.Open(filepath.Join("testdata", name+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		zip, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(zip)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDocumentIsCycloneDX(t *testing.T) {
	source := chat(t)
	var out, again bytes.Buffer
	if err := Write(&out, source); err != nil {
		t.Fatal(err)
	}
	if err := Write(&again, source); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("two documents of one binary differ (%v)", err)
	}
	valid := schema(t)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := valid.Validate(doc); err != nil {
		t.Error(err)
	}
	// The schema does refuse.
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(out.String(), `"type": "application"`, `"type": "programme"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if valid.Validate(broken) == nil {
		t.Error("a component of no known type was taken")
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	checkComponents(t, source, d)
}

func checkComponents(t *testing.T, source Source, d document) {
	t.Helper()
	if want := len(source.Inventory.Modules) + 1 + len(source.Others); len(d.Components) != want {
		t.Errorf("%d components, want %d", len(d.Components), want)
	}
	refs := []string{d.Metadata.Component.Ref}
	for _, c := range d.Components {
		refs = append(refs, c.Ref)
		if len(c.Licences) == 0 {
			t.Errorf("%s has no licence", c.Name)
		}
		if strings.Contains(c.Name, "/") && len(c.Hashes) != 1 {
			t.Errorf("%s has no digest", c.Name)
		}
	}
	slices.Sort(refs)
	if len(slices.Compact(refs)) != len(d.Components)+1 {
		t.Error("two components have one name")
	}
	if len(d.Dependencies) != len(refs) {
		t.Errorf("%d of %d say what they need", len(d.Dependencies), len(refs))
	}
	for _, dep := range d.Dependencies {
		for _, to := range dep.DependsOn {
			if !slices.Contains(refs, to) {
				t.Errorf("%s needs %q, which is no component", dep.Ref, to)
			}
		}
	}
	sum, err := compile.Sum(source.Binary)
	if err != nil || d.Metadata.Component.Hashes[0].Content != sum {
		t.Errorf("the document is of %s, the program is %s (%v)", d.Metadata.Component.Hashes[0].Content, sum, err)
	}
}

// A document of another source than the binary was built from would hide what is in it.
func TestDocumentOfAnotherSourceIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*inventory.Inventory)
		want   string
	}{
		"a module less":     {func(i *inventory.Inventory) { i.Modules = i.Modules[1:] }, "in the binary, and not in its source"},
		"a module more":     {func(i *inventory.Inventory) { i.Modules = append(i.Modules, inventory.Module{Path: "example.org/x"}) }, "in the source, and not in the binary"},
		"another version":   {func(i *inventory.Inventory) { i.Modules[0].Version = "v0.0.1" }, "in the binary, and not in its source"},
		"another content":   {func(i *inventory.Inventory) { i.Modules[0].Sum = "h1:AAAA" }, "has the checksum"},
		"another toolchain": {func(i *inventory.Inventory) { i.Go = "go1.26.7" }, "built with"},
		"as it was built":   {func(*inventory.Inventory) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			source := chat(t)
			inv := *source.Inventory
			inv.Modules = slices.Clone(inv.Modules)
			c.change(&inv)
			source.Inventory = &inv
			err := Write(&bytes.Buffer{}, source)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
