package detect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fault is a mistake at a line of a file.
type fault struct {
	line    int
	text    string
	warning bool
	cause   error
}

func (f *fault) Error() string { return f.text }

// Unwrap gives what the fault comes of, where that is known.
func (f *fault) Unwrap() error { return f.cause }

func faulty(n *yaml.Node, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &fault{line: n.Line, text: err.Error(), cause: errors.Unwrap(err)}
}

// member of a mapping.
type member struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// real follows an alias. Aliases within what is aliased are followed where they are read, so what is read is bounded by its readers.
func real(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// members reads a mapping of text keys, none of them twice.
func members(n *yaml.Node, what string) ([]member, error) {
	n = real(n)
	if n.Kind != yaml.MappingNode {
		return nil, faulty(n, "%s is a mapping", what)
	}
	out, seen := make([]member, 0, len(n.Content)/2), make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			return nil, faulty(k, "%s: names are plain texts", what)
		}
		if seen[k.Value] {
			return nil, faulty(k, "%s: %s is given twice", what, k.Value)
		}
		seen[k.Value] = true
		out = append(out, member{k.Value, k, real(n.Content[i+1])})
	}
	return out, nil
}

// get gives a member's value; nil where there is none.
func get(of []member, name string) *yaml.Node {
	for _, m := range of {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// text reads a scalar; "" where there is none.
func text(n *yaml.Node, what string, most int) (string, error) {
	if isNull(n) {
		return "", nil
	}
	if n.Kind != yaml.ScalarNode {
		return "", faulty(n, "%s is a text", what)
	}
	if len(n.Value) > most {
		return "", faulty(n, "%s is longer than %d bytes", what, most)
	}
	return n.Value, nil
}

// texts reads a list of texts, or one text in place of it.
func texts(n *yaml.Node, what string, most int) ([]string, error) {
	if isNull(n) {
		return nil, nil
	}
	if n.Kind == yaml.ScalarNode {
		s, err := text(n, what, 4096)
		return []string{s}, err
	}
	if n.Kind != yaml.SequenceNode {
		return nil, faulty(n, "%s is a list of texts", what)
	}
	if len(n.Content) > most {
		return nil, faulty(n, "%s has more than %d entries", what, most)
	}
	var out []string
	for _, c := range n.Content {
		c = real(c)
		if isNull(c) || c.Kind != yaml.ScalarNode {
			return nil, faulty(c, "%s is a list of texts", what)
		}
		s, err := text(c, what, 4096)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// number reads a YAML number, in whatever base it is written.
func number(n *yaml.Node) (float64, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" {
		return 0, false
	}
	var f float64
	if n.Tag == "!!int" {
		var i int64
		if n.Decode(&i) != nil {
			return 0, false
		}
		return float64(i), true
	}
	return f, n.Decode(&f) == nil
}

// canonical writes a number the way that numbers are compared as texts.
func canonical(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// plainly writes a scalar as a value in a message: short, and on one line.
func plainly(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
