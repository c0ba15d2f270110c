package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is loaded.
const (
	mostFile      = 1 << 20
	mostFiles     = 20000
	mostRules     = 20000
	mostDocuments = 1000 // of a file
	mostQuestions = 200_000
)

// document is one YAML document that is a rule, a correlation or a filter.
type document struct {
	file    string
	node    *yaml.Node
	members []member
}

// IsRuleFile tells by its name whether a file holds rules.
func IsRuleFile(name string) bool {
	base := path.Base(name)
	ext := path.Ext(base)
	return (ext == ".yml" || ext == ".yaml") && !strings.HasSuffix(strings.TrimSuffix(base, ext), "_test") && !strings.HasPrefix(base, ".")
}

// rooted is a folder whose files are called by their whole path.
type rooted struct {
	fs.FS
	dir string
}

// Folder is a folder of the disk; problems name its files as the caller names it.
func Folder(dir string) fs.FS { return rooted{os.DirFS(dir), dir} }

// called is what a source's file is called in problems.
func called(source fs.FS, name string) string {
	if r, ok := source.(rooted); ok {
		return filepath.Join(r.dir, name)
	}
	return name
}

// ruleFiles lists the files of a source, in order.
func ruleFiles(source fs.FS) (names []string, err error) {
	err = fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !IsRuleFile(name):
			return nil
		case len(names) >= mostFiles:
			return fmt.Errorf("more than %d files", mostFiles)
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// readFile reads at most what a rule file may have.
func readFile(source fs.FS, name string) ([]byte, error) {
	f, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(b) > mostFile {
		err = fmt.Errorf("the file has more than %d KiB", mostFile>>10)
	}
	return b, err
}

// documents reads the YAML documents of a file. Documents with `action` are Sigma's old way to share parts: global is of all that follow, reset ends
// that, repeat goes on from the document before.
func documents(file string, raw []byte) (docs []document, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML can't be read: %v", r) // the library's own words; it should not, but a file of others must not stop the gateway
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var global, before *yaml.Node
	for n := 0; ; n++ {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			if errors.Is(err, io.EOF) {
				return docs, nil
			}
			return docs, err
		}
		if n >= mostDocuments {
			return docs, fmt.Errorf("the file has more than %d documents", mostDocuments)
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || isNull(doc.Content[0]) {
			continue
		}
		node := real(doc.Content[0])
		all, err := members(node, "a rule")
		if err != nil {
			return docs, err
		}
		switch action := get(all, "action"); {
		case action == nil:
		case action.Value == "global":
			if global, err = merged(global, node, 0); err != nil {
				return docs, err
			}
			continue
		case action.Value == "reset":
			global = nil
			continue
		case action.Value == "repeat":
			if before == nil {
				return docs, faulty(action, "there is no document to repeat")
			}
			if node, err = merged(before, node, 0); err != nil {
				return docs, err
			}
		default:
			return docs, faulty(action, "action is global, reset or repeat")
		}
		if global != nil {
			if node, err = merged(global, node, 0); err != nil {
				return docs, err
			}
		}
		before = node
		if all, err = members(node, "a rule"); err != nil {
			return docs, err
		}
		docs = append(docs, document{file, node, all})
	}
}

// merged is what under has, and over over it.
func merged(under, over *yaml.Node, depth int) (*yaml.Node, error) {
	if under == nil || under.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode || depth > mostDeep {
		return over, nil
	}
	low, err := members(under, "a rule")
	if err != nil {
		return nil, err
	}
	high, err := members(over, "a rule")
	if err != nil {
		return nil, err
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: over.Line, Column: over.Column}
	for _, m := range low {
		if m.name == "action" && depth == 0 {
			continue
		}
		v := m.value
		if o := get(high, m.name); o != nil {
			if v, err = merged(v, o, depth+1); err != nil {
				return nil, err
			}
		}
		out.Content = append(out.Content, m.key, v)
	}
	for _, m := range high {
		if (m.name != "action" || depth > 0) && !slices.ContainsFunc(low, func(l member) bool { return l.name == m.name }) {
			out.Content = append(out.Content, m.key, m.value)
		}
	}
	return out, nil
}
