package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

//go:embed assets/*
var assetFiles embed.FS

// assetFolder is where the pages' files are served, below the console's path.
const assetFolder = "assets/"

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

type asset struct {
	body        []byte
	contentType string
	etag        string
}

// assets by the name they are served as, which names their content: it may be kept for ever. assetNames has that name by the file's own.
var assets, assetNames = loadAssets()

func loadAssets() (map[string]asset, map[string]string) {
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // they are compiled in
	}
	l := loader{map[string]asset{}, map[string]string{}}
	for _, f := range files {
		l.load(f.Name())
	}
	return l.served, l.byName
}

type loader struct {
	served map[string]asset
	byName map[string]string
}

// How scripts and style sheets name other files: from "./dom.js", url("x.svg").
var reference = regexp.MustCompile(`url\("([a-z-]+\.svg)"\)|"\./([a-z-]+\.js)"`)

// load takes a file in, those that it names before it: it must know where they are served.
func (l loader) load(name string) string {
	if at, ok := l.byName[name]; ok {
		if at == "" {
			panic("assets: " + name + " needs itself")
		}
		return at
	}
	l.byName[name] = ""
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // they are compiled in
	}
	body = reference.ReplaceAllFunc(body, func(m []byte) []byte {
		found := reference.FindSubmatch(m)
		other := string(found[1]) + string(found[2])
		return bytes.Replace(m, []byte(other), []byte(l.load(other)), 1)
	})
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	at := strings.TrimSuffix(name, ext) + "." + hash + ext
	l.served[at] = asset{body: body, contentType: assetTypes[ext], etag: `"` + hash + `"`}
	l.byName[name] = at
	return at
}

// assetURL is for templates: where a file of assets/ is served.
func assetURL(base, name string) (string, error) {
	at, ok := assetNames[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return base + assetFolder + at, nil
}

func (c *call) asset() {
	a, ok := assets[strings.TrimPrefix(c.r.URL.Path, c.h.Path+assetFolder)]
	if !ok {
		c.problem(http.StatusNotFound)
		return
	}
	head := c.w.Header()
	head.Set("Content-Type", a.contentType)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Set("Etag", a.etag)
	http.ServeContent(c.w, c.r, "", time.Time{}, bytes.NewReader(a.body))
}
