package ship

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/link"
)

// server is a syslog server: what it hears is parsed by the rules of RFC 5424 and 5425.
type server struct {
	addr string
	ln   net.Listener

	mu       sync.Mutex
	messages []*rfc5424.SyslogMessage
	errs     []error
	conns    []net.Conn
	read     func(net.Conn) // in place of parsing; nil parses
	running  sync.WaitGroup
}

func listen(t *testing.T, addr string, c *tls.Config) *server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), ln: ln}
	if c != nil {
		s.ln = tls.NewListener(ln, c)
	}
	s.running.Go(func() {
		for {
			conn, err := s.ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			read := s.read
			s.mu.Unlock()
			if read == nil {
				read = s.parse
			}
			s.running.Go(func() { read(conn) })
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *server) parse(conn net.Conn) {
	octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Error != nil {
			s.errs = append(s.errs, r.Error)
			return
		}
		m, ok := r.Message.(*rfc5424.SyslogMessage)
		if !ok {
			s.errs = append(s.errs, fmt.Errorf("a %T", r.Message))
			return
		}
		s.messages = append(s.messages, m)
	})).Parse(conn)
}

func (s *server) stop() {
	_ = s.ln.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// heard are the actions of the messages, doubles left out.
func (s *server) heard() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, m := range s.messages {
		data := *m.StructuredData
		if id := data["event@32473"]["id"]; !seen[id] {
			seen[id] = true
			all = append(all, *m.MsgID)
		}
	}
	return all
}

func newSyslog(t *testing.T, c SyslogConfig) *Syslog {
	t.Helper()
	s, err := NewSyslog(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Over TLS, with certificates of both sides checked: messages are RFC 5424, whatever clients put into paths and names.
func TestSyslogOverTLS(t *testing.T) {
	cert, certFile, keyFile := authority(t)
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(certFile)
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatal(err)
	}
	s := listen(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	r := newRig(t, Config{Sender: newSyslog(t, SyslogConfig{Address: "tls://" + s.addr, TLS: link.TLS{CA: certFile, Certificate: certFile, Key: keyFile}})})
	const path = "/a\"]\n<13>1 - forged - - - - \x00ü\xff"
	r.bus.Emit(&event.Event{Category: "web", Action: "http-request", Outcome: event.Failure, Path: path, UserAgent: "x] [y z=\"1\"]"})
	r.emit(0, 200)
	within(t, "all arrived", func() bool { return len(s.heard()) >= 201 })
	r.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) > 0 {
		t.Fatal(s.errs)
	}
	m := s.messages[0]
	data := (*m.StructuredData)["event@32473"]
	if *m.Facility != 10 || *m.Severity != 5 || *m.MsgID != "http-request" || *m.Appname != "convosphere" || data["category"] != "web" || data["level"] != "low" {
		t.Fatalf("%+v %v", m.Base, data)
	}
	var e map[string]any
	if err := json.Unmarshal([]byte(*m.Message), &e); err != nil || e["event.id"] != data["id"] || !strings.Contains(e["url.path"].(string), "forged") {
		t.Fatal(e, err)
	}
}

// A server whose certificate nobody vouches for hears nothing.
func TestSyslogChecksCertificates(t *testing.T) {
	cert, _, _ := authority(t)
	_, otherCA, _ := authority(t)
	s := listen(t, "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	r := newRig(t, Config{Sender: newSyslog(t, SyslogConfig{Address: "tls://" + s.addr, TLS: link.TLS{CA: otherCA}})})
	r.emit(0, 10)
	within(t, "it is away", func() bool { return r.Status().Away })
	if len(s.heard()) > 0 {
		t.Fatal("it heard")
	}
}

// A server that closes its half, or all, gets what it may not have read once more over the next connection.
func TestSyslogServerThatCloses(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"half": func(c net.Conn) {
			_ = c.(*net.TCPConn).CloseWrite()
		},
		"whole": func(c net.Conn) { _ = c.Close() },
		"reset": func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, "127.0.0.1:0", nil)
			r := newRig(t, Config{Sender: newSyslog(t, SyslogConfig{Address: "tcp://" + s.addr})})
			r.emit(0, 50)
			within(t, "the first arrived", func() bool { return len(ours(s.heard())) == 50 })
			s.mu.Lock()
			end(s.conns[0])
			s.mu.Unlock()
			within(t, "it is noticed", func() bool {
				sender := r.config.Load().Sender.(*Syslog)
				sender.mu.Lock()
				defer sender.mu.Unlock()
				return sender.conn == nil || sender.conn.gone()
			})
			r.emit(50, 100)
			within(t, "the rest arrived", func() bool { return len(ours(s.heard())) == 100 })
		})
	}
}

// A server that is slow, and then dead, in the midst of what it is sent: nothing that its machine did not take counts as sent.
func TestSyslogServerThatHangs(t *testing.T) {
	s := listen(t, "127.0.0.1:0", nil)
	hang := make(chan struct{})
	s.mu.Lock()
	s.read = func(c net.Conn) { <-hang } // reads nothing
	s.mu.Unlock()
	r := newRig(t, Config{Sender: newSyslog(t, SyslogConfig{Address: "tcp://" + s.addr})})
	long := strings.Repeat("x", 500)
	for range 30 {
		for range 500 {
			r.bus.Emit(&event.Event{Category: "web", Action: "n", Path: long})
		}
		within(t, "the queue is taken", func() bool { return r.queued.Load() == 0 })
	}
	within(t, "the buffers are full", func() bool { return r.Status().Waiting > 1<<20 })
	addr := s.addr
	close(hang)
	s.stop()
	if r.Status().Sent >= 15000 {
		t.Fatal("sent to nobody")
	}
	again := listen(t, addr, nil)
	r.bus.Emit(&event.Event{Action: "nlast"})
	within(t, "the rest arrived", func() bool {
		heard := again.heard()
		return len(heard) > 0 && heard[len(heard)-1] == "nlast" || len(heard) > 1 && heard[len(heard)-2] == "nlast"
	})
	if sent := r.Status().Sent; sent < 15000 {
		t.Fatal(sent)
	}
}

func TestSyslogOverUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := newRig(t, Config{Sender: newSyslog(t, SyslogConfig{Address: "udp://" + conn.LocalAddr().String(), Facility: "local3"}), Format: CEF})
	r.bus.Emit(&event.Event{Category: "authentication", Action: "login", Outcome: event.Failure, Reason: "wrong password", SourceIP: "192.0.2.7"})
	buf := make([]byte, 1<<16)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := rfc5424.NewParser().Parse(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	m := parsed.(*rfc5424.SyslogMessage)
	if *m.Facility != 19 || !strings.HasPrefix(*m.Message, "CEF:0|ConvoSphere|Gateway|1|login|wrong password|3|rt=") {
		t.Fatal(*m.Message)
	}
}

func TestSyslogConfig(t *testing.T) {
	for address, c := range map[string]SyslogConfig{
		"no scheme":   {Address: "host:514"},
		"http":        {Address: "http://host"},
		"a path":      {Address: "tcp://host/x"},
		"a user":      {Address: "tcp://u:p@host"},
		"no facility": {Address: "tcp://host", Facility: "kern2"},
		"no ca":       {Address: "tls://host", TLS: link.TLS{CA: "/nowhere"}},
		"plain ca":    {Address: "tcp://host", TLS: link.TLS{CA: os.Args[0]}},
		"half a pair": {Address: "tls://host", TLS: link.TLS{Certificate: "/x"}},
	} {
		if _, err := NewSyslog(c); err == nil {
			t.Error(address)
		}
	}
}
