package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// maxFile is the most bytes one file of a policy may have.
const maxFile = 64 << 20

// Load reads a folder as OPA does: modules from *.rego, data from files data.json, each mounted at the path of its
// folder. Other files and hidden folders are left out.
func Load(fsys fs.FS) (*Source, error) {
	src := &Source{Modules: map[string]string{}, Tests: map[string]string{}, Data: map[string]any{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if base != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case strings.HasSuffix(base, ".rego"):
			raw, err := readFile(fsys, name)
			if err != nil {
				return err
			}
			if strings.HasSuffix(base, "_test.rego") {
				src.Tests[name] = string(raw)
			} else {
				src.Modules[name] = string(raw)
			}
		case base == "data.json":
			raw, err := readFile(fsys, name)
			if err != nil {
				return err
			}
			return src.mount(name, raw)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	if len(src.Modules) == 0 {
		return nil, errors.New("reading the policy: there is no .rego file in it")
	}
	return src, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return raw, err
}

// mount puts the data of one file at the path of its folder.
func (s *Source) mount(name string, raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var data map[string]any
	if err := dec.Decode(&data); err != nil {
		return fmt.Errorf("%s: it must be a JSON object: %w", name, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%s: something follows the JSON object", name)
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
	h := sha256.New()
	names := make([]string, 0, len(s.Modules))
	for n := range s.Modules {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(h, "%d:%s%d:%s", len(n), n, len(s.Modules[n]), s.Modules[n])
	}
	data, err := json.Marshal(s.Data) // sorts its keys
	if err != nil {
		return "", fmt.Errorf("reading the policy's data: %w", err)
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
