package portal

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/problem"
)

//go:embed assets/*
var assetFiles embed.FS

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

type asset struct {
	body        []byte
	contentType string
	etag        string
}

// assets by the path they are served at, which names their content: it may be kept for ever.
var assets, assetPaths = loadAssets()

func loadAssets() (map[string]asset, map[string]string) {
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // they are compiled in
	}
	// Style sheets come last: they name other files, and so must know where these are.
	slices.SortStableFunc(files, func(a, b fs.DirEntry) int { return isCSS(a) - isCSS(b) })
	byPath, byName := map[string]asset{}, map[string]string{}
	for _, f := range files {
		body, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			panic(err)
		}
		if isCSS(f) == 1 {
			for name, at := range byName {
				body = bytes.ReplaceAll(body, []byte(`url("`+name+`")`), []byte(`url("`+at+`")`))
			}
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:8])
		ext := path.Ext(f.Name())
		at := "/auth/assets/" + strings.TrimSuffix(f.Name(), ext) + "." + hash + ext
		byPath[at] = asset{body, assetTypes[ext], `"` + hash + `"`}
		byName[f.Name()] = at
	}
	return byPath, byName
}

func isCSS(f fs.DirEntry) int {
	if path.Ext(f.Name()) == ".css" {
		return 1
	}
	return 0
}

// assetURL is for templates: where a file of assets/ is served.
func assetURL(name string) (string, error) {
	at, ok := assetPaths[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return at, nil
}

func (h *Handler) asset(c *call) error {
	a, ok := assets[c.r.URL.Path]
	if !ok {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
		return nil
	}
	head := c.w.Header()
	head.Set("Content-Type", a.contentType)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Set("Etag", a.etag)
	http.ServeContent(c.w, c.r, "", time.Time{}, bytes.NewReader(a.body))
	return nil
}
