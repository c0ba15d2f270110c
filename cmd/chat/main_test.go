package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// TestMain makes the test binary the chat itself when a test starts it as a child, so that it can really be killed.
func TestMain(m *testing.M) {
	if os.Getenv("CHAT_TEST_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// signer stands for the gateway.
type signer struct {
	*httptest.Server
	key jwk.Key
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.FromRaw(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Set(jwk.KeyIDKey, "k1"); err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *signer) header(t *testing.T) http.Header {
	t.Helper()
	now := time.Now()
	token, err := jwt.NewBuilder().Issuer("gateway").Audience([]string{"chat"}).Subject("1").Claim("name", "ursula").
		IssuedAt(now).Expiration(now.Add(time.Minute)).Build()
	if err != nil {
		t.Fatal(err)
	}
	h := jws.NewHeaders()
	if err := h.Set(jws.TypeKey, "gateway-assertion+jwt"); err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Sign(token, jwt.WithKey(jwa.ES256, s.key, jws.WithProtectedHeaders(h)))
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"X-Gateway-Assertion": {string(raw)}}
}

// child is a running chat.
type child struct {
	cmd    *exec.Cmd
	client *http.Client
	gate   *signer
	stderr bytes.Buffer
	read   chan struct{} // closed when stderr has ended
}

func start(t *testing.T, gate *signer, dir, sock string) *child {
	t.Helper()
	c := &child{gate: gate, read: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0], "--listen", "unix/"+sock, "--data", dir, "--jwks", gate.URL)
	c.cmd.Env = append(os.Environ(), "CHAT_TEST_CHILD=1")
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // it has ended already, in a test that went well
	ready := make(chan struct{})
	go func() {
		defer close(c.read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if lines.Text() == "ready" {
				close(ready)
			}
			fmt.Fprintln(&c.stderr, lines.Text())
		}
	}()
	select {
	case <-ready:
	case <-c.read:
		t.Fatalf("it ended before it was ready: %s", &c.stderr)
	case <-time.After(20 * time.Second):
		t.Fatal("it does not get ready")
	}
	c.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", sock)
	}}}
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

// wait gives the exit error once the child has ended.
func (c *child) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-c.read:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	return c.cmd.Wait()
}

func (c *child) send(method, path, body string, header http.Header) (int, []byte, error) {
	req, err := http.NewRequest(method, "http://chat"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, raw, err
}

func (c *child) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "http://chat/api/ws", &websocket.DialOptions{HTTPClient: c.client, HTTPHeader: c.gate.header(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() }) // the child has ended it
	return conn
}

// What was answered 201, or acknowledged on a socket, is there after kill -9 in the middle of it all.
func TestKilledLosesNothing(t *testing.T) {
	gate, dir := newSigner(t), t.TempDir()
	sock := filepath.Join(t.TempDir(), "chat.sock")
	c := start(t, gate, dir, sock)
	header := gate.header(t)
	if status, body, err := c.send("POST", "/api/rooms", `{"name":"General"}`, header); status != http.StatusCreated {
		t.Fatalf("%d %s %v", status, body, err)
	}

	var mu sync.Mutex
	var answered []string
	enough := make(chan struct{})
	keep := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if answered = append(answered, id); len(answered) == 60 {
			close(enough)
		}
	}
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for {
				status, body, err := c.send("POST", "/api/rooms/general/messages", `{"text":"by REST"}`, header)
				if err != nil {
					return // it was killed
				}
				var m struct{ ID string }
				if status != http.StatusCreated || json.Unmarshal(body, &m) != nil {
					t.Errorf("%d %s", status, body)
					return
				}
				keep(m.ID)
			}
		})
	}
	for range 2 {
		conn := c.dial(t)
		writers.Go(func() {
			for {
				err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"message","room":"general","text":"by socket","ref":"1"}`))
				if err != nil {
					return // it was killed
				}
				_, raw, err := conn.Read(t.Context())
				if err != nil {
					return // it was killed
				}
				var e struct {
					Type    string
					Message struct{ ID string }
				}
				if json.Unmarshal(raw, &e) != nil || e.Type != "ack" {
					t.Errorf("%s", raw)
					return
				}
				keep(e.Message.ID)
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Error("too few answers")
	}
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	writers.Wait()
	if err := c.wait(t); err == nil {
		t.Error("it ended well, though it was killed")
	}

	again := start(t, gate, dir, sock) // over the socket file that the first one left behind
	kept := map[string]bool{}
	for before := ""; ; {
		status, body, err := again.send("GET", "/api/rooms/general/messages?limit=100"+before, "", gate.header(t))
		var page struct {
			Messages []struct{ ID string }
			Next     string
		}
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		for _, m := range page.Messages {
			kept[m.ID] = true
		}
		if page.Next == "" {
			break
		}
		before = "&before=" + page.Next
	}
	for _, id := range answered {
		if !kept[id] {
			t.Errorf("message %s was answered and is lost", id)
		}
	}
	t.Logf("%d answered, %d kept", len(answered), len(kept))
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := again.wait(t); err != nil {
		t.Errorf("SIGTERM: %v %s", err, &again.stderr)
	}
}

// SIGTERM lets an upload that has begun finish, ends the sockets with 1001 and exits 0.
func TestTerminated(t *testing.T) {
	gate := newSigner(t)
	c := start(t, gate, t.TempDir(), filepath.Join(t.TempDir(), "chat.sock"))
	if status, body, err := c.send("POST", "/api/rooms", `{"name":"General"}`, gate.header(t)); status != http.StatusCreated {
		t.Fatalf("%d %s %v", status, body, err)
	}
	conn := c.dial(t)
	body, more := io.Pipe()
	req, err := http.NewRequest("POST", "http://chat/api/rooms/general/files", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = gate.header(t)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	done := make(chan string, 1)
	go func() {
		res, err := c.client.Do(req)
		if err != nil {
			done <- err.Error()
			return
		}
		defer res.Body.Close()
		done <- res.Status
	}()
	fmt.Fprint(more, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nfirst ") // returns once it is read
	time.Sleep(200 * time.Millisecond)
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the socket: %v", err)
	}
	fmt.Fprint(more, "last\r\n--b--\r\n")
	if err := more.Close(); err != nil {
		t.Error(err)
	}
	if status := <-done; status != "201 Created" {
		t.Errorf("the upload: %s", status)
	}
	if err := c.wait(t); err != nil {
		t.Errorf("%v %s", err, &c.stderr)
	}
	if got := c.stderr.String(); got != "ready\n" {
		t.Errorf("stderr: %s", got)
	}
}

func TestWrongFlags(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, x := range []struct {
		code int
		says string
		args []string
	}{
		{2, "required", nil},
		{2, "required", []string{"--data", dir}},
		{2, "after the flags", []string{"--data", dir, "--jwks", "http://a", "more"}},
		{2, "not defined", []string{"--date", dir}},
		{1, "http or https", []string{"--data", dir, "--jwks", "a"}},
		{1, "in use", []string{"--data", dir, "--jwks", "http://a", "--listen", taken.Addr().String()}},
		{0, "--listen 127.0.0.1:9000", []string{"--help"}},
	} {
		cmd := exec.Command(os.Args[0], x.args...)
		cmd.Env = append(os.Environ(), "CHAT_TEST_CHILD=1")
		out, _ := cmd.CombinedOutput() // its code is looked at
		if code := cmd.ProcessState.ExitCode(); code != x.code || x.code != 0 && !strings.Contains(string(out), x.says) {
			t.Errorf("%v: %d %s", x.args, code, out)
		}
	}
}
