package pack

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What rules ask for is what the gateway tells: each event that a rule names is in the dictionary, and each of its gateway fields.
func TestRulesSpeakTheDictionary(t *testing.T) {
	text, err := os.ReadFile("../../internal/event/README.md")
	if err != nil {
		t.Fatal(err)
	}
	dictionary := string(text)
	var walk func(file string, n *yaml.Node, field string)
	walk = func(file string, n *yaml.Node, field string) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				name, _, _ := strings.Cut(n.Content[i].Value, "|")
				if own, ok := strings.CutPrefix(name, "gateway."); ok && !inDictionary(dictionary, own) {
					t.Errorf("%s:%d: no event has %s", file, n.Content[i].Line, name)
				}
				walk(file, n.Content[i+1], name)
			}
		case yaml.ScalarNode:
			if field == "event.action" && !strings.Contains(dictionary, "`"+n.Value+"`") {
				t.Errorf("%s:%d: there is no event %s", file, n.Line, n.Value)
			}
		default:
			for _, c := range n.Content {
				walk(file, c, field)
			}
		}
	}
	err = fs.WalkDir(FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := FS().Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		for dec := yaml.NewDecoder(f); ; {
			var doc struct {
				Detection   yaml.Node `yaml:"detection"`
				Correlation struct {
					GroupBy   []string          `yaml:"group-by"`
					Condition yaml.Node         `yaml:"condition"`
					Aliases   map[string]fields `yaml:"aliases"`
				} `yaml:"correlation"`
			}
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			walk(name, &doc.Detection, "")
			for _, field := range doc.Correlation.GroupBy {
				if own, ok := strings.CutPrefix(field, "gateway."); ok && !inDictionary(dictionary, own) {
					t.Errorf("%s: no event has %s", name, field)
				}
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// inDictionary tells whether a field below gateway. is written there: as a whole, or shortened behind others of its family (`gateway.a.b`, `.c`).
func inDictionary(dictionary, own string) bool {
	if strings.Contains(dictionary, "`gateway."+own+"`") {
		return true
	}
	family, last, ok := strings.Cut(own, ".")
	return ok && strings.Contains(dictionary, "gateway."+family+".") && strings.Contains(dictionary, "."+last+"`")
}
