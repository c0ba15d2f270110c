package portal

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

	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/problem"
)

//go:embed assets/*
var assetFiles embed.FS

// assetFolder is where the pages' files are served.
const assetFolder = "/auth/assets/"

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

type asset struct {
	body        []byte
	contentType string
	etag        string
	foreign     bool // it is the operator's: it may be shown, and do nothing
}

// assets by the path they are served at, which names their content: it may be kept for ever.
var assets, assetPaths = loadAssets()

func loadAssets() (map[string]asset, map[string]string) {
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // they are compiled in
	}
	l := loader{map[string]asset{}, map[string]string{}}
	for _, f := range files {
		l.load(f.Name())
	}
	return l.byPath, l.byName
}

type loader struct {
	byPath map[string]asset
	byName map[string]string
}

// How style sheets and scripts name other files: url("eye.svg"), from "./api.js".
var reference = regexp.MustCompile(`url\("([a-z]+\.svg)"\)|"\./([a-z]+\.js)"`)

// load takes a file in, those that it names before it: it must know where they are served.
func (l loader) load(name string) string {
	if at, ok := l.byName[name]; ok {
		if at == "" {
			panic("assets: " + name + " needs itself")
		}
		return at
	}
	l.byName[name] = ""
	body := source(name)
	body = reference.ReplaceAllFunc(body, func(m []byte) []byte {
		found := reference.FindSubmatch(m)
		other := string(found[1]) + string(found[2])
		return bytes.Replace(m, []byte(other), []byte(path.Base(l.load(other))), 1)
	})
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	at := assetFolder + strings.TrimSuffix(name, ext) + "." + hash + ext
	l.byPath[at] = asset{body: body, contentType: assetTypes[ext], etag: `"` + hash + `"`}
	l.byName[name] = at
	return at
}

// source is a file's own text. The script that solves challenges is the one of their page.
func source(name string) []byte {
	if name == "work.js" {
		return challenge.Script(name)
	}
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // they are compiled in
	}
	return body
}

// assetURL is for templates: where a file of assets/ is served.
func assetURL(name string) (string, error) {
	at, ok := assetPaths[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return at, nil
}

// foreignCSP lets an operator's picture be looked at by itself, and run nothing.
const foreignCSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

func (h *Handler) asset(c *call) error {
	a, ok := assets[c.r.URL.Path]
	if !ok {
		a, ok = h.look.own[c.r.URL.Path]
	}
	if !ok {
		problem.Write(c.w, c.r, problem.Problem{Status: http.StatusNotFound})
		return nil
	}
	head := c.w.Header()
	head.Set("Content-Type", a.contentType)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	head.Set("Etag", a.etag)
	if a.foreign {
		head.Set("Content-Security-Policy", foreignCSP)
	}
	http.ServeContent(c.w, c.r, "", time.Time{}, bytes.NewReader(a.body))
	return nil
}
