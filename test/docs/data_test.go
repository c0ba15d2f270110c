package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/convosphere/gateway/test/kit"
)

// Every example in Rego is a policy that the gateway would take: it compiles as strictly, and defines a decision.
func TestPolicies(t *testing.T) {
	d := newDesk(t)
	seen := 0
	for _, p := range guides(t) {
		for _, b := range p.of("rego") {
			seen++
			folder := filepath.Join(d.dir, fmt.Sprintf("policy-%d", b.line))
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "policy.rego"), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"policy", "check", folder}, {"policy", "fmt", "--check", folder}} {
				if out, err := d.exec(t, d.env, kit.Binaries(t).Gateway, args...); err != nil {
					t.Errorf("%s:%d: %q: %v\n%s", p.path, b.line, args[:2], err, out)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no example in Rego")
	}
}

// JSON and YAML in the guides can be read.
func TestData(t *testing.T) {
	for _, p := range guides(t) {
		for _, b := range p.of("json") {
			dec := json.NewDecoder(strings.NewReader(b.text))
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Errorf("%s:%d: %v", p.path, b.line, err)
			} else if _, err := dec.Token(); err != io.EOF {
				t.Errorf("%s:%d: something follows the JSON value", p.path, b.line)
			}
		}
		for _, b := range p.of("yaml") {
			for dec := yaml.NewDecoder(bytes.NewReader([]byte(b.text))); ; {
				var v any
				err := dec.Decode(&v)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Errorf("%s:%d: %v", p.path, b.line, err)
					break
				}
			}
		}
	}
}
