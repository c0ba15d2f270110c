package challenge

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

//go:embed assets/*.js
var files embed.FS

// Path is where answers are sent to. What the page is made of lies below it.
const Path = "/.well-known/gateway/challenge"

// Script is one of the scripts by its name, as work.js. Pages of others that solve puzzles import that one.
func Script(name string) []byte {
	b, err := files.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // they are compiled in
	}
	return b
}

// scripts are those that are served, by path. The path names the content of them all, since they import each other: they may be kept for ever.
var scripts, scriptFolder = func() (map[string][]byte, string) {
	names := []string{"page.js", "work.js", "worker.js"}
	h := sha256.New()
	for _, name := range names {
		h.Write(Script(name))
	}
	folder := Path + "/" + hex.EncodeToString(h.Sum(nil)[:8]) + "/"
	m := map[string][]byte{}
	for _, name := range names {
		m[folder+name] = Script(name)
	}
	return m, folder
}()

// scriptPolicy is for the worker, which has one of its own.
const scriptPolicy = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// Ours tells the paths that belong to challenges.
func Ours(path string) bool {
	rest, ok := strings.CutPrefix(path, Path)
	return ok && (rest == "" || rest[0] == '/')
}

// ServeScript answers for what lies below Path, and is false where there is nothing.
func ServeScript(w http.ResponseWriter, r *http.Request) bool {
	body, ok := scripts[r.URL.Path]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", scriptPolicy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client has gone: nobody is left to tell
	}
	return true
}
