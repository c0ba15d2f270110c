// Package sbom writes down of what a binary is made, as CycloneDX 1.6: what the binary itself says, held against what the go command says, with the licences that were found.
// The same binary always gives the same document: no clock and no chance is in it.
package sbom

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/convosphere/gateway/deploy/release/compile"
	"github.com/convosphere/gateway/deploy/release/inventory"
	"github.com/convosphere/gateway/deploy/release/licence"
)

// Source is what a document is made from.
type Source struct {
	Binary    string // its file
	Version   string // of the release
	At        time.Time
	Inventory *inventory.Inventory
	Parts     []licence.Part
	Others    []licence.Other
}

// Write writes the document of a binary. It is an error if the binary holds other modules than the inventory has.
func Write(w io.Writer, s Source) error {
	info, err := buildinfo.ReadFile(s.Binary)
	if err != nil {
		return fmt.Errorf("asking the binary of what it is made: %w", err)
	}
	if err := same(info, s.Inventory); err != nil {
		return fmt.Errorf("%s: %w", s.Binary, err)
	}
	sum, err := compile.Sum(s.Binary)
	if err != nil {
		return err
	}
	d := document{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Timestamp: s.At.UTC().Format(time.RFC3339), Component: program(info, s, sum)},
	}
	d.fill(s)
	// A serial number is a UUID: of the content, so that it is as reproducible as the rest.
	content, err := json.Marshal(d)
	if err != nil {
		return err
	}
	d.Serial = uuid.NewSHA1(uuid.NameSpaceURL, content).URN()
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

// same holds what the binary says of itself against what the go command says of its source.
func same(info *buildinfo.BuildInfo, inv *inventory.Inventory) error {
	if info.GoVersion != inv.Go {
		return fmt.Errorf("built with %s, here is %s", info.GoVersion, inv.Go)
	}
	sums := map[string]string{}
	for _, m := range inv.Modules {
		sums[m.Path+"@"+m.Version] = m.Sum
	}
	var errs []error
	for _, d := range info.Deps {
		key := d.Path + "@" + d.Version
		switch sum, ok := sums[key]; {
		case d.Replace != nil:
			errs = append(errs, fmt.Errorf("%s is replaced", key))
		case !ok:
			errs = append(errs, fmt.Errorf("%s is in the binary, and not in its source", key))
		case sum != d.Sum:
			errs = append(errs, fmt.Errorf("%s has the checksum %s in the binary, and %s in its source", key, d.Sum, sum))
		}
		delete(sums, key)
	}
	for key := range sums {
		errs = append(errs, fmt.Errorf("%s is in the source, and not in the binary", key))
	}
	return errors.Join(errs...)
}

// program is what the document is about.
func program(info *buildinfo.BuildInfo, s Source, sum string) component {
	name := path.Base(info.Path)
	purl := fmt.Sprintf("pkg:golang/%s@%s?goarch=%s&goos=%s#%s", info.Main.Path, s.Version, setting(info, "GOARCH"), setting(info, "GOOS"), strings.TrimPrefix(info.Path, info.Main.Path+"/"))
	c := component{Type: "application", Ref: purl, Name: name, Version: s.Version, PURL: purl, Hashes: []hash{{"SHA-256", sum}}}
	for _, set := range info.Settings {
		c.Properties = append(c.Properties, property{"build:" + set.Key, set.Value})
	}
	return c
}

func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// fill adds the components, and which needs which.
func (d *document) fill(s Source) {
	ids, refs := map[string][]string{}, map[string]string{}
	for _, p := range s.Parts {
		ids[p.Name] = p.IDs
	}
	for _, m := range s.Inventory.Modules {
		refs[m.Path] = "pkg:golang/" + m.Path + "@" + m.Version
	}
	std := component{Type: "library", Name: "std", Version: s.Inventory.Go, Scope: "required", Licences: licences(ids["std"]), PURL: "pkg:golang/std@" + strings.TrimPrefix(s.Inventory.Go, "go")}
	std.Ref = std.PURL
	root := dependency{Ref: d.Metadata.Component.Ref, DependsOn: follow(s.Inventory.Needs, refs)}
	root.DependsOn = append(root.DependsOn, std.Ref)
	for _, m := range s.Inventory.Modules {
		d.Components = append(d.Components, component{
			Type: "library", Ref: refs[m.Path], Name: m.Path, Version: m.Version, Scope: "required", Hashes: moduleHash(m.Sum), Licences: licences(ids[m.Path]), PURL: refs[m.Path],
		})
		d.Dependencies = append(d.Dependencies, dependency{Ref: refs[m.Path], DependsOn: append(follow(m.Needs, refs), std.Ref)})
	}
	d.Components = append(d.Components, std)
	d.Dependencies = append(d.Dependencies, dependency{Ref: std.Ref})
	for _, o := range s.Others {
		d.Components = append(d.Components, component{Type: o.Type, Ref: o.PURL, Name: o.Name, Version: o.Version, Scope: "required", Licences: licences(o.IDs), PURL: o.PURL})
		d.Dependencies = append(d.Dependencies, dependency{Ref: o.PURL})
		root.DependsOn = append(root.DependsOn, o.PURL)
	}
	d.Dependencies = append([]dependency{root}, d.Dependencies...)
}

func follow(paths []string, refs map[string]string) []string {
	var to []string
	for _, p := range paths {
		to = append(to, refs[p])
	}
	return to
}

func licences(ids []string) []licensed {
	var all []licensed
	for _, i := range ids {
		all = append(all, licensed{id{i}})
	}
	return all
}

// moduleHash is the h1 sum of go.sum as other tools write it: the SHA-256 of the list of the module's files and their digests.
func moduleHash(sum string) []hash {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil || len(b) != sha256.Size {
		return nil
	}
	return []hash{{"SHA-256", hex.EncodeToString(b)}}
}
