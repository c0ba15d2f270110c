// Package mailtest is a mail server for tests: a real SMTP server on loopback that keeps what it gets.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// What its one user signs in with.
const (
	Username = "gateway"
	Password = "mail-server-secret"
)

// Mail is one that was taken.
type Mail struct {
	From    string // envelope
	To      []string
	Header  netmail.Header
	Subject string // decoded
	Text    string // decoded
	Raw     string
	Secure  bool // it came encrypted
	User    string
}

// Server is a running mail server.
type Server struct {
	Addr string // host:port
	CA   string // PEM file to trust

	mu    sync.Mutex
	mails []Mail
	tries int
	fail  func(to string) error
}

// Option changes a server before it starts.
type Option func(*options)

type options struct {
	plain, implicit, auth bool
	addr                  string
}

// Plain offers no encryption.
func Plain() Option { return func(o *options) { o.plain = true } }

// Implicit encrypts from the first byte.
func Implicit() Option { return func(o *options) { o.implicit = true } }

// Auth takes mail from who signs in alone.
func Auth() Option { return func(o *options) { o.auth = true } }

// At listens on an address that an earlier server had.
func At(addr string) Option { return func(o *options) { o.addr = addr } }

// Start runs a server until the test ends, or Stop is called.
func Start(t testing.TB, opts ...Option) (s *Server, stop func()) {
	t.Helper()
	o := options{addr: "127.0.0.1:0"}
	for _, f := range opts {
		f(&o)
	}
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	s = &Server{Addr: ln.Addr().String()}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c, auth: o.auth}, nil }))
	srv.Domain, srv.AllowInsecureAuth, srv.ErrorLog = "mail.test", o.plain, silent{}
	srv.ReadTimeout, srv.WriteTimeout = 10*time.Second, 10*time.Second
	if !o.plain {
		cert, ca := certificate(t)
		s.CA = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(s.CA, ca, 0o600); err != nil {
			t.Fatal(err)
		}
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		if o.implicit {
			ln = tls.NewListener(ln, srv.TLSConfig)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln) // its error is that it was closed
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = srv.Close()
			<-done
		})
	}
	t.Cleanup(stop)
	return s, stop
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Fail makes the server answer recipients with an error; nil of f takes the mail.
func (s *Server) Fail(f func(to string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Temporary and Permanent are what Fail may return.
var (
	Temporary = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back later"}
	Permanent = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
)

// Mails returns what was taken so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Tries counts the recipients that were named, taken or not.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// Wait waits for the n-th mail, and returns the latest.
func (s *Server) Wait(t testing.TB, n int) Mail {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if mails := s.Mails(); len(mails) >= n {
			return mails[len(mails)-1]
		}
	}
	t.Fatalf("only %d of %d mails came", len(s.Mails()), n)
	return Mail{}
}

type session struct {
	server *Server
	conn   *smtp.Conn
	auth   bool
	user   string
	from   string
	to     []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string {
	if !s.auth {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != Username || password != Password {
			return errors.New("wrong")
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.auth && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	s.server.tries++
	fail := s.server.fail
	s.server.mu.Unlock()
	if fail != nil {
		if err := fail(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		return err
	}
	var body io.Reader = m.Body
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, Mail{
		From: s.from, To: s.to, Header: m.Header, Subject: subject, Text: strings.ReplaceAll(string(text), "\r\n", "\n"), Raw: string(raw), Secure: secure, User: s.user,
	})
	return nil
}

// certificate makes one for 127.0.0.1 that vouches for itself.
func certificate(t testing.TB) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
