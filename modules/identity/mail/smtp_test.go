package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/test/pki"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var (
	ctx  = context.Background()
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

func client(t *testing.T, c Config) *Client {
	t.Helper()
	if c.From == "" {
		c.From = `"Acme Ünited" <no-reply@acme.example>`
	}
	client, err := NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

var hello = Message{ID: "MAILID", To: "ursula@example.org", Subject: "Grüße", Text: "Öffnen Sie:\n\nhttps://acme.example/auth/reset#x\n", At: noon}

func TestMailsArriveEncrypted(t *testing.T) {
	for name, c := range map[string]struct {
		scheme string
		opts   []mailtest.Option
	}{"STARTTLS": {"smtp", nil}, "from the first byte": {"smtps", []mailtest.Option{mailtest.Implicit()}}} {
		s, _ := mailtest.Start(t, append(c.opts, mailtest.Auth())...)
		config := Config{Server: c.scheme + "://" + s.Addr, CA: s.CA, Username: mailtest.Username, Password: mailtest.Password}
		if err := client(t, config).Send(ctx, hello); err != nil {
			t.Fatal(name, err)
		}
		m := s.Wait(t, 1)
		if m.To[0] != "ursula@example.org" || m.From != "no-reply@acme.example" || m.Subject != "Grüße" || m.Text != hello.Text || m.User != mailtest.Username {
			t.Errorf("%s: %+v", name, m)
		}
		if !m.Secure && c.scheme == "smtp" {
			t.Error(name, "came in the clear")
		}
		for h, want := range map[string]string{"Message-Id": "<MAILID@acme.example>", "Auto-Submitted": "auto-generated", "Date": "Thu, 26 Nov 2026 12:00:00 +0000", "User-Agent": "", "X-Mailer": ""} {
			if got := m.Header.Get(h); got != want {
				t.Errorf("%s: %s is %q", name, h, got)
			}
		}
		config.Password = "wrong"
		if err := client(t, config).Send(ctx, hello); err == nil {
			t.Error(name, "a wrong password was taken")
		}
	}
}

// Who stands between must get neither the mail, nor the password, nor the link in it.
func TestNothingIsSentInTheClear(t *testing.T) {
	plain, _ := mailtest.Start(t, mailtest.Plain(), mailtest.Auth())
	c := Config{Server: "smtp://" + plain.Addr, Username: mailtest.Username, Password: mailtest.Password}
	if err := client(t, c).Send(ctx, hello); err == nil || plain.Tries() > 0 {
		t.Error("a server without encryption was given a mail:", err)
	}
	// A certificate that nobody trusts, or of another name.
	s, _ := mailtest.Start(t)
	if err := client(t, Config{Server: "smtp://" + s.Addr}).Send(ctx, hello); err == nil || s.Tries() > 0 {
		t.Error("an untrusted certificate was taken:", err)
	}
	other := Config{Server: "smtp://" + strings.Replace(s.Addr, "127.0.0.1", "localhost", 1), CA: s.CA}
	if err := client(t, other).Send(ctx, hello); err == nil || s.Tries() > 0 {
		t.Error("another host's certificate was taken:", err)
	}
	for server, want := range map[string]bool{"smtp://127.0.0.1:25": false, "smtp://[::1]:25": false, "smtp://localhost": false, "smtp://mail.example.org": true} {
		if got := (Config{Server: server, From: "a@b.example", Plain: true}).Exposed(); got != want {
			t.Errorf("%s: %v", server, got)
		}
	}
	// By the operator's word alone, and then without a password over the network.
	if err := client(t, Config{Server: "smtp://" + plain.Addr, Plain: true, Username: mailtest.Username, Password: mailtest.Password}).Send(ctx, hello); err != nil {
		t.Error("tls off on loopback:", err)
	}
	if err := (Config{Server: "smtp://mail.example.org", From: "a@b.example", Plain: true, Username: "u", Password: "p"}).Check(); err == nil {
		t.Error("a password over the network in the clear is configured")
	}
}

// CVE-2021-38371 and its kin: what somebody between slips behind the answer to STARTTLS must not be read as the server's words over TLS.
func TestAnswersBehindStartTLSAreNotTheServers(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		r := bufio.NewReader(conn)
		say := func(s string) { fmt.Fprint(conn, s) }
		say("220 evil ESMTP\r\n")
		_, _ = r.ReadString('\n')
		say("250-evil\r\n250 STARTTLS\r\n")
		_, _ = r.ReadString('\n')
		say("220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n")
		b := make([]byte, 4096)
		n, _ := r.Read(b)
		got <- string(b[:n])
	}()
	err = client(t, Config{Server: "smtp://" + ln.Addr().String(), Username: "u", Password: "p"}).Send(ctx, hello)
	if err == nil {
		t.Error("the mail was taken for sent")
	}
	if seen := <-got; strings.Contains(seen, "MAIL FROM") || strings.Contains(seen, "AUTH") {
		t.Errorf("said in the clear: %q", seen)
	}
}

func TestRefusals(t *testing.T) {
	s, stop := mailtest.Start(t)
	c := client(t, Config{Server: "smtp://" + s.Addr, CA: s.CA})
	s.Fail(func(string) error { return mailtest.Permanent })
	var rejected Rejected
	if err := c.Send(ctx, hello); !errors.As(err, &rejected) || rejected.Code != 550 {
		t.Error("a mailbox that is not there:", err)
	}
	s.Fail(func(string) error { return mailtest.Temporary })
	err := c.Send(ctx, hello)
	if err == nil || errors.As(err, &rejected) {
		t.Error("greylisting:", err)
	}
	if strings.Contains(err.Error(), "ursula") || strings.Contains(err.Error(), "greylisted") {
		t.Error("the error tells the address, or what a stranger wrote:", err)
	}
	stop()
	if err := c.Send(ctx, hello); err == nil || errors.As(err, &rejected) {
		t.Error("no server:", err)
	}
}

// A server that takes the connection and says nothing holds nobody.
func TestSilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	closed := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		closed <- err
	}()
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := client(t, Config{Server: "smtp://" + ln.Addr().String()}).Send(short, hello); err == nil {
		t.Fatal("sent")
	}
	var timeout net.Error
	if err := <-closed; errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection stays open")
	}
}

func TestConfigRefuses(t *testing.T) {
	good := Config{Server: "smtp://mail.example.org", From: "a@b.example"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(*Config){
		"no address as":  func(c *Config) { c.Server = "" },
		"neither with":   func(c *Config) { c.Server = "https://mail.example.org" },
		"no port":        func(c *Config) { c.Server = "smtp://mail.example.org:99999" },
		"mail server":    func(c *Config) { c.Server = "smtp://user:secret@mail.example.org" },
		"mail from":      func(c *Config) { c.From = "a@b.example\r\nBcc: eve@evil.example" },
		"contradicts":    func(c *Config) { c.Server, c.Plain = "smtps://mail.example.org", true },
		"go together":    func(c *Config) { c.Username = "u" },
		"language":       func(c *Config) { c.Language = "fr" },
		"authorities":    func(c *Config) { c.CA = "/does/not/exist.pem" },
		"no certificate": func(c *Config) { c.CA = "/dev/null" },
		"one line":       func(c *Config) { c.Service = "A\r\nBcc: eve@evil.example" },
	} {
		c := good
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", why, err)
		}
	}
}

// Whatever stands in an address, a subject or a text: no header and no recipient comes of it.
func TestNoHeaderIsForged(t *testing.T) {
	s, _ := mailtest.Start(t)
	c := client(t, Config{Server: "smtp://" + s.Addr, CA: s.CA})
	sentBefore := 0
	for _, m := range []Message{
		{To: "ursula@example.org\r\nBcc: eve@evil.example", Subject: "x"},
		{To: "ursula@example.org, eve@evil.example", Subject: "x"},
		{To: "ursula@example.org>\r\nRCPT TO:<eve@evil.example", Subject: "x"},
		{To: "ursula@example.org", Subject: "x\r\nBcc: eve@evil.example\r\n\r\nbuy"},
		{To: "ursula@example.org", Subject: "x", Text: "a\r\n.\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nbuy\r\n.\r\n"},
		{To: "ursula@example.org", Subject: "x", Text: "a\n.\nMAIL FROM:<x@y.example>\n"},
		{To: "ursula@example.org", Subject: "x", Text: "a\r.\rMAIL FROM:<x@y.example>\r\n.\n"},
	} {
		m.ID, m.At = "A", noon
		if err := c.Send(ctx, m); err == nil {
			sentBefore++
		}
	}
	mails := s.Mails()
	if len(mails) != sentBefore {
		t.Errorf("%d mails were sent, %d came", sentBefore, len(mails))
	}
	for _, m := range mails {
		if len(m.To) != 1 || m.To[0] != "ursula@example.org" || m.Header.Get("Bcc") != "" {
			t.Errorf("%q", m.Raw)
		}
	}
}

// The authorities of the mail server are those that the file has now: a renewal takes no reload.
func TestAuthoritiesAreRenewed(t *testing.T) {
	for name, c := range map[string]struct {
		scheme string
		opts   []mailtest.Option
	}{"STARTTLS": {"smtp", nil}, "from the first byte": {"smtps", []mailtest.Option{mailtest.Implicit()}}} {
		s, _ := mailtest.Start(t, c.opts...)
		other, _ := mailtest.Start(t)
		file := filepath.Join(t.TempDir(), "ca.pem")
		pki.Copy(t, other.CA, file)
		to := client(t, Config{Server: c.scheme + "://" + s.Addr, CA: file})
		if err := to.Send(ctx, hello); err == nil {
			t.Fatal(name, "a server that the authority does not vouch for was told")
		}
		pki.Copy(t, s.CA, file)
		if err := to.Send(ctx, hello); err != nil {
			t.Error(name, err)
		}
	}
}
