package upload

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/spf13/cobra"

	_ "github.com/convosphere/gateway/modules/gateway"
	"github.com/convosphere/gateway/test/clamav"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
)

// site is a whole gateway before a back end that tells what it got.
type site struct {
	dir, addr, admin, back string
}

func newSite(t *testing.T, directive string) *site {
	t.Helper()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Length", r.Header.Get("Content-Length"))
		_, _ = w.Write(b)
	}))
	t.Cleanup(back.Close)
	addr, err := listen.Free()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir: t.TempDir(), addr: addr, back: back.URL}
	s.admin = filepath.Join(s.dir, "admin.sock")
	if err := s.load(directive); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		for name, pool := range map[string]*caddy.UsagePool{"stores": stores, "scanners": scanners, "books": books} {
			pool.Range(func(key, _ any) bool {
				t.Errorf("%s: %v is left", name, key)
				return true
			})
		}
	})
	return s
}

func (s *site) load(directive string) error {
	raw, err := golden.Adapt("{\n admin unix/" + s.admin + "\n persist_config off\n auto_https off\n gateway {\n data_dir " + s.dir + "/data\n }\n}\n" +
		"http://" + s.addr + " {\n " + directive + "\n reverse_proxy " + s.back + "\n}\n")
	if err == nil {
		err = caddy.Load(raw, true)
	}
	if err == nil {
		err = listen.Alone(s.addr)
	}
	http.DefaultClient.CloseIdleConnections() // to the server before, which closes them at its own time
	return err
}

// send uploads a body and tells the status.
func (s *site) send(t *testing.T, kind, body string) int {
	t.Helper()
	resp, err := http.Post("http://"+s.addr+"/files", kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK && string(got) != body {
		t.Errorf("the back end got %d bytes of %d", len(got), len(body))
	}
	return resp.StatusCode
}

// run runs `convosphere quarantine` with the arguments.
func (s *site) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := &cobra.Command{Use: "quarantine", SilenceUsage: true, SilenceErrors: true}
	quarantineCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, "--address", "unix/"+s.admin))
	err := cmd.Execute()
	return out.String(), err
}

func (s *site) list(t *testing.T) []itemJSON {
	t.Helper()
	out, err := s.run(t, "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var all []itemJSON
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// events waits until the file tells of that action, and gives all lines.
func (s *site) events(t *testing.T, action string) string {
	t.Helper()
	for range 500 {
		b, err := os.ReadFile(filepath.Join(s.dir, "data", "events", "events.jsonl"))
		if err == nil && strings.Contains(string(b), `"event.action":"`+action+`"`) {
			return string(b)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no event %s", action)
	return ""
}

const octets = "application/octet-stream"

func TestQuarantineFromRefusalToRelease(t *testing.T) {
	s := newSite(t, "gw_upload {\n scanner "+daemon.Unix+"\n quarantine\n}")
	eicar := string(clamav.EICAR())
	contentType, form := formOf(t, part{"f", "a secret name.txt", "text/plain", eicar})
	if got := s.send(t, contentType, form); got != http.StatusUnprocessableEntity {
		t.Fatalf("%d", got)
	}
	all := s.list(t)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	i := all[0]
	if i.Name != "a secret name.txt" || i.Size != 68 || i.Signature != clamav.Signature || i.Released != nil || !i.Here {
		t.Errorf("%+v", i)
	}
	if out, err := s.run(t, "list"); err != nil || !strings.Contains(out, i.ID) || !strings.Contains(out, "malware ("+clamav.Signature+")") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := s.run(t, "export", i.ID, "-"); err != nil || out != eicar {
		t.Errorf("%q, %v", out, err)
	}
	target := filepath.Join(t.TempDir(), "out")
	if _, err := s.run(t, "export", i.ID, target); err != nil {
		t.Error(err)
	}
	if _, err := s.run(t, "export", i.ID, target); err == nil {
		t.Error("an export overwrites a file")
	}
	// Once released the same content passes, whatever it is called, and nothing else does.
	if out, err := s.run(t, "release", i.ID); err != nil || !strings.Contains(out, i.SHA256) {
		t.Errorf("%s, %v", out, err)
	}
	if got := s.send(t, octets, eicar); got != http.StatusOK {
		t.Errorf("released: %d", got)
	}
	if got := s.send(t, octets, eicar+" "); got != http.StatusUnprocessableEntity {
		t.Errorf("one byte more: %d", got)
	}
	if out, err := s.run(t, "released"); err != nil || !strings.Contains(out, i.SHA256) {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := s.run(t, "revoke", i.SHA256); err != nil {
		t.Error(err)
	}
	if got := s.send(t, octets, eicar); got != http.StatusUnprocessableEntity {
		t.Errorf("revoked: %d", got)
	}
	for _, i := range s.list(t) {
		if _, err := s.run(t, "delete", i.ID); err != nil {
			t.Error(err)
		}
	}
	if out, err := s.run(t, "list"); err != nil || !strings.Contains(out, "nothing") {
		t.Errorf("%s, %v", out, err)
	}
	for _, args := range [][]string{{"show", i.ID}, {"release", i.ID}, {"delete", i.ID}, {"export", i.ID, "-"}, {"revoke", i.SHA256}, {"revoke", "abc"}, {"show", "../../id"}} {
		if out, err := s.run(t, args...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
	events := s.events(t, "quarantine-deleted")
	for _, action := range []string{"upload-refused", "upload-quarantined", "quarantine-exported", "quarantine-released", "quarantine-revoked"} {
		if !strings.Contains(events, `"`+action+`"`) {
			t.Errorf("no event %s", action)
		}
	}
	if strings.Contains(events, "secret name") {
		t.Error("an event holds a file's name")
	}
	if !strings.Contains(events, `"event.category":"malware"`) || !strings.Contains(events, i.SHA256) {
		t.Error("the event does not tell what was found in what")
	}
}

func TestWhatIsKept(t *testing.T) {
	s := newSite(t, "gw_upload {\n scanner "+daemon.Unix+"\n quarantine {\n  of malware\n }\n}")
	s.send(t, octets, program)
	if all := s.list(t); len(all) > 0 {
		t.Errorf("not of the scanner's: %+v", all)
	}
	if err := s.load("gw_upload {\n quarantine\n}"); err != nil {
		t.Fatal(err)
	}
	s.send(t, octets, program)
	s.send(t, "multipart/form-data; boundary=x", "no form")
	if all := s.list(t); len(all) != 1 || strings.Join(all[0].Findings, " ") != "executable" {
		t.Errorf("%+v", all)
	}
	if err := s.load("gw_upload"); err != nil {
		t.Fatal(err)
	}
	s.send(t, octets, program+"x")
	if all := s.list(t); len(all) != 1 {
		t.Errorf("without quarantine: %+v", all)
	}
}

func TestAReloadKeepsWhatIsOpen(t *testing.T) {
	directive := "gw_upload {\n scanner " + daemon.TCP + "\n quarantine\n}"
	s := newSite(t, directive)
	only := func(pool *caddy.UsagePool) (all []any) {
		pool.Range(func(_, v any) bool {
			all = append(all, v)
			return true
		})
		return all
	}
	before := [][]any{only(stores), only(scanners), only(books)}
	if err := s.load(directive + "\n header X-New yes"); err != nil {
		t.Fatal(err)
	}
	for i, after := range [][]any{only(stores), only(scanners), only(books)} {
		if len(after) != 1 || len(before[i]) != 1 || after[0] != before[i][0] {
			t.Errorf("%d: %v became %v", i, before[i], after)
		}
	}
	if err := s.load("gw_upload {\n scanner nowhere\n}"); err == nil {
		t.Error("a bad reload is taken")
	}
	if got := s.send(t, octets, string(clamav.EICAR())); got != http.StatusUnprocessableEntity {
		t.Errorf("after a failed reload: %d", got)
	}
}

func TestOperatorsHearOfTheScanner(t *testing.T) {
	own, err := clamav.Start()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, "gw_upload {\n scanner "+own.TCP+"\n}")
	if got := s.send(t, octets, "hello"); got != http.StatusOK {
		t.Fatalf("%d", got)
	}
	if err := own.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := s.send(t, octets, "hello"); got != http.StatusServiceUnavailable {
		t.Errorf("%d", got)
	}
	s.events(t, "scanner-lost")
	again, err := own.Again()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s.events(t, "scanner-back")
	if got := s.send(t, octets, string(clamav.EICAR())); got != http.StatusUnprocessableEntity {
		t.Errorf("%d", got)
	}
}

// While an upload comes in slowly, what else comes is served, and a client that never ends its body is cut off.
func TestASlowClientIsCutOff(t *testing.T) {
	s := newSite(t, "gw_upload {\n body_timeout 200ms\n}")
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST /files HTTP/1.1\r\nHost: "+s.addr+"\r\nContent-Type: "+octets+"\r\nContent-Length: 1000\r\n\r\nhello"); err != nil {
		t.Fatal(err)
	}
	if got := s.send(t, octets, "hello"); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("%s, %v", answer, err)
	}
}
