package kit

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Chat starts the chat back end on addr behind the node, whose keys it trusts.
func Chat(t T, n *Node, addr string) *Process {
	t.Helper()
	n.Kept = filepath.Join(t.TempDir(), "chat")
	p := Start(t, Command{Name: "chat", Path: Binaries(t).Chat, Args: []string{
		"--listen", addr, "--data", n.Kept,
		"--jwks", n.URL + "/.well-known/jwks.json", "--jwks-ca", n.root,
	}})
	p.WaitLine(t, "ready", ReadyWithin)
	return p
}

// ChatAddr finds where the chat that the demo has started listens: host:port, or unix/PATH.
func (n *Node) ChatAddr(t T) string {
	t.Helper()
	for _, c := range Descendants(n.Process.PID()) {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(c.PID) + "/cmdline")
		if err != nil {
			continue
		}
		args := strings.Split(string(b), "\x00")
		for i, a := range args {
			if value, ok := strings.CutPrefix(strings.TrimPrefix(a, "-"), "-listen="); ok {
				return value
			}
			if (a == "--listen" || a == "-listen") && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	t.Fatalf("%s has no child with --listen", n.Name)
	return ""
}

// Straight returns a client that talks to the back end itself, past the gateway.
func Straight(t T, addr string) *Client {
	t.Helper()
	network, at := "tcp", addr
	if path, ok := strings.CutPrefix(addr, "unix/"); ok {
		network, at = "unix", path
	}
	tr := &http.Transport{DialContext: dialTo(network, at)}
	t.Cleanup(tr.CloseIdleConnections)
	return &Client{Node: &Node{Name: "back end", URL: "http://localhost"}, HTTP: &http.Client{Transport: tr, Timeout: 10 * time.Second}}
}
