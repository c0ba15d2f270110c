package kit

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/listen"
)

// ReadyWithin is how long a gateway may take from its start to its first answer. On two busy cores loading the WAF's rules and
// hashing four passwords takes some seconds.
const ReadyWithin = 60 * time.Second

// Node is one running gateway process.
type Node struct {
	Name    string
	Process *Process
	Addr    string // 127.0.0.1:port
	URL     string // https://localhost:port
	Data    string // its data folder
	Roots   *x509.CertPool
	Users   map[string]User // by name
	Config  string          // its Caddyfile, "" for the demo
	Program string          // what Exec runs; "" the one under test
	Kept    string          // the folder of the chat that Chat has started behind it; "" none

	env  []string
	root string // file with the root certificate
}

// DemoOptions of Demo; the zero value is a fresh demo.
type DemoOptions struct {
	Data string // default: a new folder
	Addr string // default: a free port
}

// Demo runs `convosphere demo` and waits until it is ready.
func Demo(t T, o DemoOptions) *Node {
	t.Helper()
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "demo")
	}
	if o.Addr == "" {
		o.Addr = FreeAddr(t)
	}
	n := &Node{Name: "demo", Addr: o.Addr, Data: o.Data, env: home(t)}
	n.Process = Start(t, Command{
		Name: n.Name, Path: Binaries(t).Gateway,
		Args: []string{"demo", "--listen", o.Addr, "--data", o.Data}, Env: n.env,
	})
	n.Process.WaitLine(t, "ready", ReadyWithin)
	var cred struct {
		URL   string `json:"url"`
		Users []User `json:"users"`
	}
	b, err := os.ReadFile(filepath.Join(o.Data, "credentials.json"))
	if err != nil {
		t.Fatalf("demo: %v", err)
	}
	if err := json.Unmarshal(b, &cred); err != nil {
		t.Fatalf("demo: credentials.json: %v", err)
	}
	n.URL, n.Users = strings.TrimSuffix(cred.URL, "/"), byName(cred.Users)
	n.trust(t, filepath.Join(o.Data, "root.crt"))
	return n
}

func byName(users []User) map[string]User {
	m := map[string]User{}
	for _, u := range users {
		m[u.Username] = u
	}
	return m
}

func (n *Node) trust(t T, file string) {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%s: the root certificate: %v", n.Name, err)
	}
	n.root, n.Roots = file, x509.NewCertPool()
	if !n.Roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s: %s holds no certificate", n.Name, file)
	}
}

// home gives a program folders of its own, so that nothing of the person who runs the tests is read or written.
func home(t T) []string {
	dir := t.TempDir()
	return []string{"HOME=" + dir, "XDG_DATA_HOME=" + filepath.Join(dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(dir, "config")}
}

// Globals is the global options block for Caddyfiles of tests: the demo's, with room for one more line.
const Globals = `{
	admin unix//{$GW_DATA}/admin.sock
	storage file_system {$GW_DATA}/caddy
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind 127.0.0.1
	grace_period 5s
	servers {
		timeouts {
			read_header 10s
			read_body 60s
			idle 2m
		}
		max_header_size 32KiB
	}
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
		database {$GW_DATABASE}
		keys {$GW_KEYS}
	}
}
`

// Options of Gateway. Caddyfile or File is required.
type Options struct {
	Name      string
	Caddyfile string   // text: written to the data folder
	File      string   // or: a file that is there
	Env       []string // for the Caddyfile's {$…}, above those that Gateway sets
	Addr      string   // default: a free port
	Data      string   // default: a new folder
	Program   string   // default: the one under test
}

// Gateway starts `convosphere run` and waits for its first answer. The Caddyfile's site is https://localhost:{$GW_PORT}, with
// `tls internal` and the storage of Globals.
func Gateway(t T, o Options) *Node {
	t.Helper()
	n := &Node{Name: o.Name, Addr: o.Addr, Data: o.Data, Config: o.File, Program: o.Program}
	if n.Addr == "" {
		n.Addr = FreeAddr(t)
	}
	if n.Data == "" {
		n.Data = filepath.Join(t.TempDir(), o.Name)
	}
	_, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		t.Fatalf("%s: %v", n.Name, err)
	}
	n.URL = "https://localhost:" + port
	if err := os.MkdirAll(n.Data, 0o700); err != nil {
		t.Fatalf("%s: %v", n.Name, err)
	}
	if n.Config == "" {
		n.Config = filepath.Join(n.Data, "Caddyfile")
		if err := os.WriteFile(n.Config, []byte(o.Caddyfile), 0o600); err != nil {
			t.Fatalf("%s: %v", n.Name, err)
		}
	}
	n.env = append(append(home(t),
		"GW_LISTEN="+n.Addr, "GW_BIND=127.0.0.1", "GW_PORT="+port, "GW_DATA="+n.Data,
		"GW_STORE=memory", "GW_DATABASE=sqlite", "GW_KEYS="+filepath.Join(n.Data, "keys"),
		"GW_FILES="+filepath.Join(Root(t), "caddyfiles"),
	), o.Env...) // of two equal names the last one counts
	n.Process = Start(t, Command{
		Name: n.Name, Path: cmp.Or(n.Program, Binaries(t).Gateway), Env: n.env,
		Args: []string{"run", "--config", n.Config, "--adapter", "caddyfile"},
	})
	root := filepath.Join(n.Data, "caddy", "pki", "authorities", "local", "root.crt")
	n.Process.WaitUntil(t, ReadyWithin, "its certificate authority", func() bool {
		_, err := os.Stat(root)
		return err == nil
	})
	n.trust(t, root)
	c := n.Client(t)
	n.Process.WaitUntil(t, ReadyWithin, "an answer", func() bool {
		_, err := c.Try("GET", "/.well-known/jwks.json", nil)
		return err == nil
	})
	return n
}

// Exec runs a sub-command of the gateway to its end, in the environment of the node, and returns exit code and output.
func (n *Node) Exec(t T, stdin string, args ...string) (int, string) {
	t.Helper()
	return run(t, cmp.Or(n.Program, Binaries(t).Gateway), n.env, stdin, args...)
}

// Admin calls the node's admin API on the unix socket in its data folder.
func (n *Node) Admin(t T, method, path, contentType, body string) *Answer {
	t.Helper()
	socket := filepath.Join(n.Data, "admin.sock")
	tr := &http.Transport{DialContext: dialTo("unix", socket), DisableKeepAlives: true}
	r, err := http.NewRequest(method, "http://caddy"+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("admin: %v", err)
	}
	r.Host = "" // the admin API checks the host of a unix socket to be empty or its path
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Cache-Control", "must-revalidate") // a load is one, also of what is in force already
	res, err := (&http.Client{Transport: tr, Timeout: 60 * time.Second}).Do(r)
	if err != nil {
		t.Fatalf("admin: %s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("admin: %s %s: %v", method, path, err)
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: b, about: "admin " + method + " " + path}
}

// Load puts a Caddyfile in force through the admin API, as `convosphere reload` does.
//
// Caddy answers while the configuration before it still takes connections, which it then ends without an answer: they are waited out here, so
// that what a test asks next is answered by the new one.
func (n *Node) Load(t T, caddyfile string) *Answer {
	t.Helper()
	a := n.Admin(t, "POST", "/load", "text/caddyfile", caddyfile)
	if a.Status == http.StatusOK {
		if err := listen.Alone(n.Addr); err != nil {
			t.Fatalf("waiting for the end of the old listener: %v", err)
		}
	}
	return a
}
