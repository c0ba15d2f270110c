package recipe

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/convosphere/gateway/deploy/release/pack"
)

// carried is what an archive has of the repository beside the programs: files, and folders whole.
var carried = []string{"README.md", "CHANGELOG.md", "SECURITY.md", "docs", "caddyfiles", "deploy", "policies"}

// archives writes one archive a platform, with all of its programs.
func (w *work) archives(context.Context) error {
	common, err := w.carry()
	if err != nil {
		return err
	}
	for _, t := range w.Targets {
		name := w.name(gateway, t)
		files := slices.Clone(common)
		for _, p := range w.Programs {
			files = append(files,
				pack.File{Name: p, From: filepath.Join(w.build, t.OS+"_"+t.Arch, p), Program: true},
				pack.File{Name: "sbom/" + p + ".cdx.json", From: filepath.Join(w.Out, w.name(p, t)+".cdx.json")})
		}
		if err := pack.Write(filepath.Join(w.Out, name+".tar.gz"), name, w.source.At, files); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

// carry lists what is the same for all platforms.
func (w *work) carry() ([]pack.File, error) {
	files := []pack.File{{Name: "THIRD_PARTY_LICENSES.txt", Content: w.notice}}
	for _, name := range carried {
		more, err := below(filepath.Join(w.tree, name), name)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if w.pages != "" {
		more, err := below(w.pages, "share")
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}

// below lists the files of a folder, or the one file, under another name. Go's own and their tests are left out: whoever wants these has the repository.
func below(from, name string) ([]pack.File, error) {
	var files []pack.File
	err := filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no file", file)
		}
		switch filepath.Ext(file) {
		case ".go", ".mod", ".sum":
			return nil
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, pack.File{Name: filepath.ToSlash(filepath.Join(name, rel)), From: file, Program: info.Mode()&0o100 != 0})
		return nil
	})
	return files, err
}
