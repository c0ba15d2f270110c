package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Source is the text of a policy: what a snapshot is compiled from.
type Source struct {
	Modules map[string]string // file name → Rego v1
	Tests   map[string]string // the same, of *_test.rego: no part of the policy
	Data    map[string]any    // the document `data`, without the rules
}

// Bounds of a policy's files. They stand far above what people write: 64 MiB is what a large data document has.
const (
	MaxFile  = 64 << 20  // bytes of one file
	MaxTotal = 256 << 20 // bytes of all
	MaxFiles = 10_000
)

// Load reads a folder as OPA does: modules from *.rego, data from files data.json, each mounted at the path of its
// folder. Other files and hidden folders are left out.
func Load(fsys fs.FS) (*Source, error) {
	files, err := ReadFiles(fsys)
	if err != nil {
		return nil, err
	}
	return Files(files)
}

// ReadFiles reads those files of a folder that are part of a policy.
func ReadFiles(fsys fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	total := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if hidden(name) {
				return fs.SkipDir
			}
			return nil
		case !belongs(name):
			return nil
		}
		raw, err := readFile(fsys, name)
		if err != nil {
			return err
		}
		files[name] = raw
		if total += len(raw); total > MaxTotal || len(files) > MaxFiles {
			return fmt.Errorf("it has more than %d files or %d MiB", MaxFiles, MaxTotal>>20)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	return files, nil
}

// belongs tells whether a file is part of a policy, by its name.
func belongs(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".rego") || base == "data.json" || isYAML(base)
}

// hidden tells whether a folder is left out: ConfigMaps keep their former contents in such ones.
func hidden(folder string) bool {
	base := path.Base(folder)
	return base != "." && strings.HasPrefix(base, ".")
}

func isYAML(base string) bool { return base == "data.yaml" || base == "data.yml" }

// Files makes a policy of its files, by their slash-separated names.
func Files(files map[string][]byte) (*Source, error) {
	src := &Source{Modules: map[string]string{}, Tests: map[string]string{}, Data: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(files)) { // sorted, so that the same error comes first each time
		base, raw := path.Base(name), files[name]
		switch {
		case strings.HasSuffix(base, "_test.rego"):
			src.Tests[name] = string(raw)
		case strings.HasSuffix(base, ".rego"):
			src.Modules[name] = string(raw)
		case base == "data.json":
			if err := src.mount(name, raw); err != nil {
				return nil, fmt.Errorf("reading the policy: %w", err)
			}
		case isYAML(base): // left out in silence it would be missed only when somebody is refused
			return nil, fmt.Errorf("reading the policy: %s: write its data as JSON, in data.json", name)
		}
	}
	if len(src.Modules) == 0 {
		return nil, errors.New("reading the policy: there is no .rego file in it")
	}
	return src, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would never end
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(raw) > MaxFile {
		err = fmt.Errorf("%s is larger than %d MiB", name, MaxFile>>20)
	}
	return raw, err
}

// mount puts the data of one file at the path of its folder.
func (s *Source) mount(name string, raw []byte) error {
	value, err := Decode(raw)
	if err != nil {
		var where *decodeError
		if errors.As(err, &where) {
			name = fmt.Sprintf("%s:%d", name, where.line)
		}
		return fmt.Errorf("%s: it must be a JSON object: %w", name, err)
	}
	data, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: it must be a JSON object", name)
	}
	at := s.Data
	if dir := path.Dir(name); dir != "." {
		for _, p := range strings.Split(dir, "/") {
			next, ok := at[p].(map[string]any)
			if !ok {
				if at[p] != nil {
					return fmt.Errorf("%s: data.%s is no object", name, strings.ReplaceAll(dir, "/", "."))
				}
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
	}
	return merge(at, data, name)
}

func merge(into, from map[string]any, name string) error {
	for k, v := range from {
		old, taken := into[k]
		if !taken {
			into[k] = v
			continue
		}
		a, ok1 := old.(map[string]any)
		b, ok2 := v.(map[string]any)
		if !ok1 || !ok2 {
			return fmt.Errorf("%s: %q is given by another file too", name, k)
		}
		if err := merge(a, b, name); err != nil {
			return err
		}
	}
	return nil
}

// Revision names the content: the first 12 hexadecimal digits of its SHA-256.
func (s *Source) Revision() (string, error) {
	d := newDigest(s.Modules)
	if err := digestData(d, s.Data); err != nil {
		return "", err
	}
	return d.String(), nil
}
