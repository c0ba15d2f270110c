package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"
)

// file is one of the suite's files, as far as it says what to do. A key that is not known here is an error: it may change what a
// test means.
type file struct {
	Meta   yaml.Node `yaml:"meta"`
	Author yaml.Node `yaml:"author"` // in one file, by a slip
	RuleID int       `yaml:"rule_id"`
	Tests  []test    `yaml:"tests"`
}

type test struct {
	Number int       `yaml:"test_id"`
	Desc   yaml.Node `yaml:"desc"`
	Stages []stage   `yaml:"stages"`

	ID string `yaml:"-"` // the rule's id and the number: 920100-4
}

type stage struct {
	Input  input  `yaml:"input"`
	Output output `yaml:"output"`
}

// input is a request. Absent values are nil, and not the same as empty ones.
type input struct {
	DestAddr            yaml.Node `yaml:"dest_addr"` // the gateway's instead
	Port                yaml.Node `yaml:"port"`      // the gateway's instead
	Method              *string   `yaml:"method"`
	URI                 *string   `yaml:"uri"`
	Version             *string   `yaml:"version"`
	Headers             headers   `yaml:"headers"`
	Data                *string   `yaml:"data"`
	EncodedRequest      string    `yaml:"encoded_request"`
	AutocompleteHeaders *bool     `yaml:"autocomplete_headers"`
	StopMagic           *bool     `yaml:"stop_magic"` // its opposite, in older files
}

// output is what is expected. All of it must hold.
type output struct {
	Status           int    `yaml:"status"`
	ResponseContains string `yaml:"response_contains"`
	ExpectError      bool   `yaml:"expect_error"`
	RetryOnce        bool   `yaml:"retry_once"` // against a race in reading logs, which request ids spare us
	Isolated         bool   `yaml:"isolated"`
	Log              struct {
		ExpectIDs    []int  `yaml:"expect_ids"`
		NoExpectIDs  []int  `yaml:"no_expect_ids"`
		MatchRegex   string `yaml:"match_regex"`
		NoMatchRegex string `yaml:"no_match_regex"`
	} `yaml:"log"`
}

type header struct{ name, value string }

// headers are sorted by name, as go-ftw sends them.
type headers []header

// UnmarshalYAML takes names and values as they are written: 0300 is not 192.
func (h *headers) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: headers are a mapping", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if value.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a header's value is a text", value.Line)
		}
		one := header{name: n.Content[i].Value, value: value.Value}
		if value.Tag == "!!null" {
			one.value = ""
		}
		*h = append(*h, one)
	}
	slices.SortStableFunc(*h, func(a, b header) int { return strings.Compare(a.name, b.name) })
	return nil
}

// load reads all tests of the suite.
func load() ([]test, error) {
	var all []test
	err := fs.WalkDir(tests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		b, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			return err
		}
		var f file
		dec := yaml.NewDecoder(bytes.NewReader(b))
		dec.KnownFields(true)
		if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) { // an empty file: a rule without a test
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, t := range f.Tests {
			t.ID = fmt.Sprintf("%d-%d", f.RuleID, t.Number)
			all = append(all, t)
		}
		return nil
	})
	return all, err
}
