package kit

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Written returns everything that the node and the chat behind it wrote, by where: its log, what its admin API shows, and all files below its data folder but those
// whose purpose is to hold a secret: the key ring, and the demo's passwords.
func (n *Node) Written(t T) map[string]string {
	t.Helper()
	w := map[string]string{n.Name + " log": n.Process.Output()}
	for _, path := range []string{"/config/", "/metrics", "/gateway/bans", "/gateway/abuse", "/gateway/policy/status", "/gateway/policy/data", "/reverse_proxy/upstreams"} {
		if a := n.Admin(t, "GET", path, "", ""); a.Status == http.StatusOK {
			w[n.Name+" admin "+path] = string(a.Body)
		}
	}
	err := n.files(n.Data, w)
	if err == nil && n.Kept != "" {
		err = n.files(n.Kept, w)
	}
	if err != nil || len(w) < 4 {
		t.Fatalf("what %s has written can't be read: %d outputs, %v", n.Name, len(w), err)
	}
	return w
}

func (n *Node) files(root string, w map[string]string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it has just gone
		case d.IsDir() && d.Name() == "keys":
			return fs.SkipDir
		case !d.Type().IsRegular() || d.Name() == "credentials.json":
			return nil
		}
		if b, err := os.ReadFile(path); err == nil {
			w[n.Name+" file "+strings.TrimPrefix(path, root)] = string(b)
		}
		return nil
	})
}

// refusals are answers to clients that say that something went wrong.
var (
	refusalMu sync.Mutex
	refusals  []string
)

// mostRefusals bounds what is kept of them.
const mostRefusals = 20_000

func noteRefusal(a *Answer) {
	if a.Status < 400 {
		return
	}
	refusalMu.Lock()
	defer refusalMu.Unlock()
	if len(refusals) < mostRefusals {
		refusals = append(refusals, string(a.Body))
	}
}

// Refusals are all answers so far, to all clients, that say that something went wrong.
func Refusals() string {
	refusalMu.Lock()
	defer refusalMu.Unlock()
	return strings.Join(refusals, "\n")
}
