package alert

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// evil is what a client may have written where a rule's subject is a field that clients choose.
const evil = "<!channel> <script>alert(1)</script> [click](https://evil.example) @here *b* `c` \u202egnp.exe\r\nBcc: victim@example.org\r\n\r\n&amp; www.evil.example"

func message(level finding.Level) Message {
	m := Message{ID: "M1", Level: level, At: noon, Incidents: []Incident{{
		ID: "I1", Title: "Password spraying", Level: level, First: noon, Last: noon, Findings: 3,
		Subjects: []finding.Subject{{Kind: finding.Client, ID: "2001:db8::/64"}, {Kind: finding.User, ID: "U-1"}, {Kind: "url.path", ID: evil}, {Kind: finding.Client, ID: evil}, {Kind: finding.User, ID: evil}},
	}}}
	m.write("https://gw.example/console/incidents/")
	return m
}

// What clients chose is no markup, no mention, no link and no second line in what people read.
func TestTextsAreHarmless(t *testing.T) {
	m := message(finding.High)
	if !strings.Contains(m.Text, "client 2001:db8::/64\n") || !strings.Contains(m.Text, "user U-1\n") || !strings.Contains(m.Text, "https://gw.example/console/incidents/I1\n") {
		t.Fatal(m.Text)
	}
	if strings.ContainsAny(m.Text+m.Title, "<>@`*&\u202e\r\"|~#\\") || strings.Contains(m.Text, "evil.example") || strings.Contains(m.Text, "https://evil") || strings.Contains(m.Text, "\nBcc") {
		t.Fatal(m.Text)
	}
	if links := regexp.MustCompile(`(?i)[a-z]+://\S+`).FindAllString(m.Text, -1); len(links) != 1 {
		t.Fatal(links)
	}
}

func FuzzSubject(f *testing.F) {
	for _, s := range []string{evil, "192.0.2.7", "fe80::1%eth0", "a.b:c//d", ""} {
		f.Add("url.path", s)
		f.Add(finding.Client, s)
		f.Add(finding.User, s)
	}
	link := regexp.MustCompile(`(?i)://|www\.`)
	f.Fuzz(func(t *testing.T, kind, id string) {
		got := subject(finding.Subject{Kind: kind, ID: id})
		if strings.ContainsAny(got, "<>@`*&\r\n\"|~#\\!") || link.MatchString(strings.TrimPrefix(got, plain(kind, 40))) || len(got) > 500 {
			t.Fatalf("%q", got)
		}
	})
}

// receive is an HTTP receiver.
func receive(t *testing.T, status int) (url string, bodies func() []string) {
	var mu sync.Mutex
	var all []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			all = append(all, r.Header.Get(ship.SignatureHeader)+"\n"+string(raw))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func hook(t *testing.T, url, secret string) *ship.Webhook {
	t.Helper()
	w, err := ship.NewWebhook(ship.HTTP{URL: url}, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestWebhook(t *testing.T) {
	url, bodies := receive(t, 200)
	if err := (Webhook{hook(t, url, "s")}).Send(t.Context(), message(finding.Critical)); err != nil {
		t.Fatal(err)
	}
	sig, body, _ := strings.Cut(bodies()[0], "\n")
	var m Message
	if err := json.Unmarshal([]byte(body), &m); err != nil || m.ID != "M1" || m.Level != finding.Critical || m.Incidents[0].Subjects[2].ID != evil || !strings.HasPrefix(sig, "t=") {
		t.Fatal(sig, body, err)
	}
}

func TestSlack(t *testing.T) {
	url, bodies := receive(t, 200)
	if err := (Slack{hook(t, url, "")}).Send(t.Context(), message(finding.High)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text   string `json:"text"`
		Blocks []struct {
			Type string `json:"type"`
			Text struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"text"`
		} `json:"blocks"`
	}
	_, body, _ := strings.Cut(bodies()[0], "\n")
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got.Blocks) != 2 {
		t.Fatal(err, body)
	}
	for _, b := range got.Blocks {
		if b.Text.Type != "plain_text" {
			t.Fatal("markup is read: ", b.Text.Type)
		}
	}
	if !strings.Contains(got.Text, "Password spraying") || strings.Contains(got.Text, "<!channel>") || len(got.Blocks[0].Text.Text) > 150 {
		t.Fatal(got.Text)
	}
	m := message(finding.High)
	m.Text = strings.Repeat("ü", 5000)
	if err := (Slack{hook(t, url, "")}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func mailer(t *testing.T, s *mailtest.Server) *mail.Client {
	t.Helper()
	c, err := mail.NewClient(mail.Config{Server: "smtp://" + s.Addr, From: "gateway@example.org", CA: s.CA, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMail(t *testing.T) {
	s, _ := mailtest.Start(t)
	m := message(finding.High)
	if err := (Mail{mailer(t, s), []string{"a@example.org", "b@example.org"}}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.Wait(t, 2)
	if got.Subject != "[high] Password spraying" || !strings.Contains(got.Text, "client 2001:db8::/64") || !got.Secure || got.Header.Get("Bcc") != "" || len(got.To) != 1 {
		t.Fatalf("%+v", got)
	}
	if ct := got.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
		t.Fatal(ct)
	}
}

// One mailbox that is gone keeps the others' mail neither back nor coming again; none at all is for good, and a server that is away is not.
func TestMailThatIsRefused(t *testing.T) {
	s, stop := mailtest.Start(t)
	s.Fail(func(to string) error {
		if strings.Contains(to, "gone") {
			return mailtest.Permanent
		}
		return nil
	})
	c := mailer(t, s)
	if err := (Mail{c, []string{"gone@example.org", "b@example.org"}}).Send(t.Context(), message(finding.High)); err != nil || len(s.Mails()) != 1 {
		t.Fatal(err)
	}
	err := (Mail{c, []string{"gone@example.org"}}).Send(t.Context(), message(finding.High))
	if _, ok := err.(ship.Refused); !ok {
		t.Fatal(err)
	}
	stop()
	err = (Mail{c, []string{"b@example.org"}}).Send(t.Context(), message(finding.High))
	if _, ok := err.(ship.Refused); ok || err == nil {
		t.Fatal(err)
	}
}

func TestSyslog(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, err := ship.NewSyslog(ship.SyslogConfig{Address: "udp://" + conn.LocalAddr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := (Syslog{to}).Send(t.Context(), message(finding.Critical)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(buf[:n]); !strings.HasPrefix(got, "<82>1 2026-11-25T12:00:00.000000Z ") || strings.Contains(got, "\n") || !strings.Contains(got, `level="critical"`) || !strings.Contains(got, "Password spraying") {
		t.Fatal(got)
	}
}

// A test says that it is one.
func TestTrial(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c)})
	if err := o.Test(t.Context(), "ops"); err != nil {
		t.Fatal(err)
	}
	o.expect(c, "[test] This is a test: alerts come through")
	if o.Test(t.Context(), "none") == nil || len(o.Channels()) != 1 {
		t.Fatal("a channel that is not there")
	}
}
