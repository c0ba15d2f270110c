package check

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// releases are the versions of Kubernetes whose schemas the documents must meet: the oldest that the chart takes, and the newest that is here.
var releases = []string{"1.27", "1.30"}

// schemaDir is where the module kubectl-validate keeps the schemas that API servers publish. Its code is not used: it does not build with
// this Helm's client.
var schemaDir = sync.OnceValues(func() (string, error) {
	out, err := commandHere("go", "mod", "download", "-json", "sigs.k8s.io/kubectl-validate")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return "", err
	}
	return filepath.Join(m.Dir, "pkg", "openapiclient", "builtins"), nil
})

// compiled are the schemas by release and kind.
type compiled struct {
	sync.Mutex
	of map[string]*jsonschema.Schema
}

var schemas = compiled{of: map[string]*jsonschema.Schema{}}

// againstSchemas holds a document against what API servers publish: what must be there, which values there are. (Unknown fields are
// decode's to find.) A ServiceMonitor is no kind of theirs.
func againstSchemas(t *testing.T, doc []byte) error {
	t.Helper()
	v, err := toJSON(doc)
	if err != nil {
		return err
	}
	version, kind := fmt.Sprint(v["apiVersion"]), fmt.Sprint(v["kind"])
	if strings.HasPrefix(version, "monitoring.coreos.com/") {
		return nil
	}
	for _, release := range releases {
		s, err := schemas.get(release, version, kind)
		if err != nil {
			return err
		}
		if err := s.Validate(v); err != nil {
			return fmt.Errorf("Kubernetes %s: %s: %w", release, kind, err)
		}
	}
	return nil
}

func (c *compiled) get(release, version, kind string) (*jsonschema.Schema, error) {
	c.Lock()
	defer c.Unlock()
	key := release + " " + version + " " + kind
	if s := c.of[key]; s != nil {
		return s, nil
	}
	dir, err := schemaDir()
	if err != nil {
		return nil, err
	}
	where := "apis"
	if !strings.Contains(version, "/") {
		where = "api"
	}
	raw, err := os.ReadFile(filepath.Join(dir, release, where, version+".json"))
	if err != nil {
		return nil, err
	}
	api, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	name, err := schemaOf(api, version, kind)
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("file:///api.json", api); err != nil {
		return nil, err
	}
	s, err := compiler.Compile("file:///api.json#/components/schemas/" + name)
	if err != nil {
		return nil, err
	}
	c.of[key] = s
	return s, nil
}

// schemaOf finds the schema that says it is of this kind.
func schemaOf(api any, version, kind string) (string, error) {
	group, v, found := strings.Cut(version, "/")
	if !found {
		group, v = "", group
	}
	all := api.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	for name, s := range all {
		kinds, _ := s.(map[string]any)["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue
		}
		k := kinds[0].(map[string]any)
		if k["group"] == group && k["version"] == v && k["kind"] == kind {
			return name, nil
		}
	}
	return "", fmt.Errorf("no schema of %s in %s", kind, version)
}

func bufioReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func withoutComments(doc []byte) []byte {
	var out []byte
	for line := range bytes.Lines(doc) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) && !bytes.Equal(bytes.TrimSpace(line), []byte("---")) {
			out = append(out, line...)
		}
	}
	return out
}
