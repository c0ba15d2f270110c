package check

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestImageRunsPlain has any application behind the image, and nothing of the chat's: whoever is signed in may use all of it, nobody else any of it. One of its two addresses
// is dead, which no request may notice.
func TestImageRunsPlain(t *testing.T) {
	box := newWorld(t).space("box")
	rootfs, _, img := unpacked(t, "gateway")
	serve(t, box, "127.0.0.1:9000")
	c := start(t, "plain", spec(t, rootfs, box.path(), img, nil,
		[]string{"GW_APP=plain", "GW_UPSTREAM=127.0.0.1:9000 127.0.0.1:9001", "GW_SHUTDOWN_DELAY=0s", "GW_GRACE_PERIOD=5s"},
		[]map[string]any{runtimeFolder, bind(folder(t), "/var/lib/convosphere", "rw"), named(t, "gateway")}))
	c.wait("it is ready", readiness(box))
	site := browser(box, "8443")
	token := signIn(t, c, site)
	for range 10 {
		for _, path := range []string{"/", "/api/orders", "/api/rooms"} {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				if code, body, _ := ask(t, site, method, "https://localhost"+path, token, nil); code != http.StatusOK || body != method+" "+path {
					t.Fatalf("%s %s, signed in: %d %q", method, path, code, body)
				}
			}
		}
	}
	for _, path := range []string{"/api/orders", "/api/rooms"} {
		if code, body, _ := ask(t, site, "GET", "https://localhost"+path, "", nil); code != http.StatusUnauthorized {
			t.Errorf("%s, of nobody: %d %q", path, code, body)
		}
	}
	// What any application is kept from, it still is.
	if code, body, _ := ask(t, site, "GET", "https://localhost/api/orders?id=1%20UNION%20SELECT%20password%20FROM%20users--", token, nil); code != http.StatusForbidden {
		t.Errorf("an injection: %d %q", code, body)
	}
	if b, err := os.ReadFile(c.log); err != nil || strings.Contains(string(b), "No files matching") {
		t.Errorf("an empty conf.d is complained of (%v)", err)
	}
}

// TestImageTakesConf has a file of each kind in conf.d, and looks at what it does.
func TestImageTakesConf(t *testing.T) {
	box := newWorld(t).space("box")
	rootfs, _, img := unpacked(t, "gateway")
	conf, backups := t.TempDir(), folder(t)
	for name, text := range map[string]string{
		"backup.gateway": "backup {\n\tfolder /var/lib/convosphere-backups\n\tpassphrase_file /etc/convosphere/conf.d/passphrase\n}\n",
		"allow.gateway":  "allow 192.0.2.7\n",
		"own.identity":   "issuer https://own.example\n",
		"own.secure":     "headers {\n\tReferrer-Policy no-referrer\n}\n",
		"own.site":       "handle /from-conf {\n\trespond \"by conf.d\"\n}\n",
		"passphrase":     "a passphrase of some length\n",
	} {
		write(t, filepath.Join(conf, name), text)
	}
	if err := os.Chmod(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(conf, "passphrase"), 65532, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(conf, "passphrase"), 0o400); err != nil {
		t.Fatal(err)
	}
	c := start(t, "conf", spec(t, rootfs, box.path(), img, nil, []string{"GW_APP=plain", "GW_SHUTDOWN_DELAY=0s", "GW_GRACE_PERIOD=5s"},
		[]map[string]any{runtimeFolder, bind(folder(t), "/var/lib/convosphere", "rw"), bind(backups, "/var/lib/convosphere-backups", "rw"), bind(conf, "/etc/convosphere/conf.d", "ro"), named(t, "gateway")}))
	c.wait("it is ready", readiness(box))
	site := browser(box, "8443")
	token := signIn(t, c, site)
	code, body, header := ask(t, site, "GET", "https://localhost/from-conf", token, nil)
	if code != http.StatusOK || body != "by conf.d" {
		t.Errorf("*.site: %d %q", code, body)
	}
	if got := header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("*.secure: the header is %q", got)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token+"..", ".")[1])
	if err != nil || !strings.Contains(string(claims), `"https://own.example"`) {
		t.Errorf("*.identity: the token says %s (%v)", claims, err)
	}
	// The first backup is due at once.
	c.wait("*.gateway: there is a backup", func() bool {
		made, err := filepath.Glob(filepath.Join(backups, "convosphere-*.backup"))
		return err == nil && len(made) == 1
	})
}

// serve is an application that says what it was asked, in the namespace, until the test ends.
func serve(t *testing.T, s *space, address string) {
	t.Helper()
	var l net.Listener
	if err := s.within(func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path) // who asked has gone, or reads it
	})}
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.Serve(l) }() // until it is closed
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
