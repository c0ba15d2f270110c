package http

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed web
var web embed.FS

// The page runs its own scripts and styles from files and talks to its own host. Nothing inline, nothing from elsewhere.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pages maps the paths of the chat page to what serves them.
func pages() map[string]handlerFunc {
	found := map[string]handlerFunc{}
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		at := strings.TrimPrefix(name, "web")
		if at == "/index.html" {
			at = "/{$}"
		}
		found[at] = static(body, mediaTypes[path.Ext(name)])
		return nil
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return found
}

// Named here, since the mime package asks the machine it runs on.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func static(body []byte, mediaType string) handlerFunc {
	if mediaType == "" || mime.FormatMediaType(strings.SplitN(mediaType, ";", 2)[0], nil) == "" {
		panic("a web file has no media type")
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", mediaType)
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		h.Set("Etag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		_, _ = w.Write(body) // the client has gone: nobody is left to tell
		return nil
	}
}
