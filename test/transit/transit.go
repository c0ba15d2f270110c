// Package transit runs a local service with the API of Vault's transit engine, as a process of its own, for tests. It ends with the test.
package transit

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/freeze"
)

// T is what is needed of a test: a *testing.T is one, and so is kit's.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Server is one that runs.
type Server struct {
	URL, CA, Token string // CA is a file

	t      T
	cmd    *exec.Cmd
	client *http.Client
}

// Start builds and starts one, with a key of each name.
func Start(t T, keys ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-o", program, "github.com/convosphere/gateway/test/transit/server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the transit service: %v\n%s", err, out)
	}
	s := &Server{t: t, Token: rand.Text(), CA: filepath.Join(dir, "ca.pem"), cmd: exec.Command(program, "-dir", dir)}
	s.cmd.Env, s.cmd.Stderr = append(os.Environ(), "TRANSIT_TOKEN="+s.Token), os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("starting the transit service: %v", err)
	}
	if _, err = s.cmd.StdinPipe(); err == nil { // closed when this process ends, whatever ends it
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatalf("starting the transit service: %v", err)
	}
	t.Cleanup(s.Stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("starting the transit service: %v", err)
	}
	s.URL = strings.TrimSpace(line)
	s.client = s.trusting()
	for _, key := range keys {
		s.Call("POST", "/v1/transit/keys/"+key, nil)
	}
	return s
}

func (s *Server) trusting() *http.Client {
	s.t.Helper()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// Call does what an operator of the service would.
func (s *Server) Call(method, path string, in any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	req, err := http.NewRequest(method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	req.Header.Set("X-Vault-Token", s.Token)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		s.t.Fatalf("the transit service: %s %s: %d", method, path, resp.StatusCode)
	}
}

// Rotate adds a version to a key.
func (s *Server) Rotate(key string) {
	s.t.Helper()
	s.Call("POST", "/v1/transit/keys/"+key+"/rotate", nil)
}

// Refuse lets a key decrypt by no version before that one.
func (s *Server) Refuse(key string, before int) {
	s.t.Helper()
	s.Call("POST", "/v1/transit/keys/"+key+"/config", map[string]int{"min_decryption_version": before})
}

// Seal has it refuse all, until Unseal.
func (s *Server) Seal() { s.t.Helper(); s.Call("PUT", "/v1/sys/seal", nil) }

// Unseal takes Seal back.
func (s *Server) Unseal() { s.t.Helper(); s.Call("PUT", "/v1/sys/unseal", nil) }

// Counts are how often encrypt, decrypt and rewrap were asked for.
func (s *Server) Counts() (n map[string]int) {
	s.t.Helper()
	resp, err := s.client.Get(s.URL + "/v1/test/counts")
	if err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&n); err != nil {
		s.t.Fatalf("the transit service: %v", err)
	}
	return n
}

// Freeze has it accept connections and answer none, until Thaw.
func (s *Server) Freeze() { s.t.Helper(); freeze.Process(s.t, s.cmd.Process) }

// Thaw takes Freeze back.
func (s *Server) Thaw() { s.t.Helper(); freeze.Thaw(s.t, s.cmd.Process) }

// Stop ends it.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
}
