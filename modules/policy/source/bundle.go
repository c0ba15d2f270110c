package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Found is a policy as its origin has it.
type Found struct {
	Source   *engine.Source
	Label    string    // the revision that the bundle's author gave it; "" for a folder
	SignedAt time.Time // zero where it is not known
	Raw      []byte    // of a signed bundle: the archive, to be kept
}

// manifest is what a bundle says of itself. Other members are for OPA.
type manifest struct {
	Revision         string         `json:"revision"`
	RegoVersion      *int           `json:"rego_version,omitempty"`
	FileRegoVersions map[string]int `json:"file_rego_versions,omitempty"`
	Roots            []string       `json:"roots,omitempty"`
}

// maxLabel is the most bytes of a bundle's own revision: it is in events.
const maxLabel = 128

// OpenBundle verifies an archive and takes the policy out of it.
func OpenBundle(raw []byte, trust *Trust, now time.Time) (*Found, error) {
	files, err := unpack(raw)
	if err != nil {
		return nil, err
	}
	found := &Found{}
	if found.SignedAt, err = trust.verify(files, now); err != nil {
		return nil, err
	}
	if !trust.Unsigned {
		found.Raw = raw
	}
	if found.Label, err = readManifest(files[manifestFile]); err != nil {
		return nil, err
	}
	for name := range files {
		if err := foreign(name); err != nil {
			return nil, err
		}
	}
	if found.Source, err = engine.Files(files); err != nil {
		return nil, err
	}
	return found, nil
}

// foreign says no to what OPA would heed and the gateway does not: left out in silence it would be missed too late.
func foreign(name string) error {
	switch base := path.Base(name); base {
	case "patch.json":
		return errors.New("it is a delta bundle, which only changes another: send the whole one")
	case "policy.wasm", "plan.json", "plan.pb":
		return fmt.Errorf("%s: the gateway takes policies as Rego (opa build --target rego)", name)
	case ".manifest.pb":
		return fmt.Errorf("%s: the gateway reads manifests as JSON", name)
	}
	return nil
}

func readManifest(raw []byte) (label string, err error) {
	if raw == nil {
		return "", nil
	}
	var m manifest
	if _, err = engine.Decode(raw); err == nil { // no member twice
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return "", fmt.Errorf("%s can't be read: %w", manifestFile, err)
	}
	old := m.RegoVersion != nil && *m.RegoVersion != 1
	for _, v := range m.FileRegoVersions {
		old = old || v != 1
	}
	if old {
		return "", fmt.Errorf("%s: the gateway reads Rego v1 only", manifestFile)
	}
	if len(m.Revision) > maxLabel || strings.ContainsFunc(m.Revision, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", fmt.Errorf("%s: a revision has at most %d printable ASCII characters", manifestFile, maxLabel)
	}
	return m.Revision, nil
}

// Build is how a bundle is made.
type Build struct {
	Revision  string    // for people: a version, a commit
	Key       []byte    // the private key, as PEM; nil: the bundle is not signed
	Algorithm string    // "": the key's usual one
	Scope     string    // what the signature is for
	Now       time.Time // when it is signed
}

// Write makes a bundle of a policy's folder. The policy is not compiled: that is the caller's.
func (b Build) Write(w io.Writer, folder string) error {
	files, err := engine.ReadFiles(os.DirFS(folder))
	if err != nil {
		return err
	}
	version := 1
	m := manifest{Revision: b.Revision, RegoVersion: &version, Roots: []string{""}}
	if files[manifestFile], err = json.Marshal(m); err != nil {
		return err
	}
	if _, err := readManifest(files[manifestFile]); err != nil {
		return err
	}
	if b.Key != nil {
		if files[signaturesFile], err = sign(files, b.Key, b.Algorithm, b.Scope, b.Now); err != nil {
			return err
		}
	}
	return pack(w, files)
}

// Read reads a policy for a tool: a folder, or a bundle's file, whoever signed it.
func Read(name string) (*engine.Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return loadFolder(name)
	}
	raw, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	found, err := OpenBundle(raw, &Trust{Unsigned: true}, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("%s is neither a folder nor a bundle: %w", name, err)
	}
	return found.Source, nil
}

// readBounded reads a bundle's file.
func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, MaxBundle+1))
	if err == nil && len(raw) > MaxBundle {
		err = fmt.Errorf("%s has more than %d MiB", name, MaxBundle>>20)
	}
	return raw, err
}
