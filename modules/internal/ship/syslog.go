package ship

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
)

// facilities are syslog's by their names.
var facilities = map[string]int{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// syslogSeverities of the levels: informational, notice, warning, error, critical.
var syslogSeverities = [...]int{6, 5, 4, 3, 2}

// SyslogConfig says where to.
type SyslogConfig struct {
	Address  string // tls://host[:6514], tcp://host[:601], udp://host[:514]
	Facility string // default authpriv
	TLS      link.TLS
}

// Syslog sends messages of RFC 5424: over TLS as RFC 5425 has it, over TCP with the same octet counting (RFC 6587), over UDP one a datagram (RFC 5426).
type Syslog struct {
	network, host, name string
	files               *link.Files // nil: the link is not encrypted
	facility            int
	hostname, pid       string

	now func() time.Time

	mu    sync.Mutex
	conn  *stream
	since time.Time // of conn
	udp   net.Conn
}

// NewSyslog reads the configuration. It does not connect.
func NewSyslog(c SyslogConfig) (*Syslog, error) {
	u, err := url.Parse(c.Address)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the address must be one as tls://host:6514, tcp://host:601 or udp://host:514")
	}
	ports := map[string]string{"tls": "6514", "tcp": "601", "udp": "514"}
	port, ok := ports[u.Scheme]
	if !ok {
		return nil, errors.New("the address must begin with tls://, tcp:// or udp://")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if c.Facility == "" {
		c.Facility = "authpriv"
	}
	facility, ok := facilities[c.Facility]
	if !ok {
		return nil, fmt.Errorf("%q is no facility: they are user, daemon, auth, authpriv, audit and local0 to local7", c.Facility)
	}
	s := &Syslog{network: u.Scheme, host: net.JoinHostPort(u.Hostname(), port), name: u.Hostname(), facility: facility, pid: strconv.Itoa(os.Getpid()), now: time.Now}
	switch {
	case s.network == "tls":
		if s.files, err = openTLS(c.TLS); err != nil {
			return nil, err
		}
	case c.TLS != (link.TLS{}):
		return nil, errors.New("ca and client_certificate go with tls://")
	}
	if s.hostname, err = os.Hostname(); err != nil {
		s.hostname = ""
	}
	s.hostname = printable(s.hostname, 255)
	return s, nil
}

// Send implements Sender. Syslog has no acknowledgement. Over TCP and TLS a batch counts as taken once the receiver's machine has acknowledged all of its bytes
// and has not closed the connection; over UDP once it was sent.
func (s *Syslog) Send(ctx context.Context, batch []Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network == "udp" {
		return s.datagrams(ctx, batch)
	}
	var buf []byte
	for i := range batch {
		m := s.message(&batch[i])
		buf = strconv.AppendInt(buf, int64(len(m)), 10)
		buf = append(append(buf, ' '), m...)
	}
	if s.conn != nil && (s.conn.gone() || s.files != nil && s.now().Sub(s.since) > link.MaxLife) {
		s.hangUp()
	}
	if s.conn == nil {
		conn, err := s.dial(ctx)
		if err != nil {
			return err
		}
		s.conn, s.since = conn, s.now()
	}
	if err := s.conn.send(ctx, buf); err != nil {
		s.hangUp()
		return err
	}
	return nil
}

func (s *Syslog) dial(ctx context.Context) (*stream, error) {
	if s.files == nil {
		return dialStream(ctx, s.host, nil)
	}
	conn, err := dialStream(ctx, s.host, s.files.Client(s.name))
	if err != nil {
		return nil, s.files.Because(err)
	}
	return conn, nil
}

func (s *Syslog) hangUp() {
	s.conn.close()
	s.conn = nil
}

func (s *Syslog) datagrams(ctx context.Context, batch []Message) error {
	if s.udp == nil {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "udp", s.host)
		if err != nil {
			return fmt.Errorf("finding the receiver: %w", err)
		}
		s.udp = conn
	}
	for i := range batch {
		if _, err := s.udp.Write(s.message(&batch[i])); err != nil {
			_ = s.udp.Close() // the error is known
			s.udp = nil
			return fmt.Errorf("sending a datagram: %w", err)
		}
	}
	return nil
}

// Close implements Sender.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.hangUp()
	}
	if s.udp != nil {
		_ = s.udp.Close() // nothing waits in it
		s.udp = nil
	}
	return nil
}

// message is one of RFC 5424. Its structured data have what receivers sort by; the event is the message.
func (s *Syslog) message(m *Message) []byte {
	b := make([]byte, 0, len(m.Body)+256)
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.facility*8+syslogSeverities[m.Level]), 10)
	b = append(b, ">1 "...)
	b = m.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	for _, word := range []string{s.hostname, "convosphere", s.pid, printable(m.Action, 32)} {
		if word == "" {
			word = "-"
		}
		b = append(append(b, ' '), word...)
	}
	b = append(b, " [event@32473"...)
	b = param(b, "id", m.ID)
	b = param(b, "level", m.Level.String())
	b = param(b, "category", m.event.text("event.category"))
	b = param(b, "outcome", m.event.text("event.outcome"))
	b = append(b, "] "...)
	return append(b, m.Body...)
}

// param adds a parameter of structured data; quote, backslash and bracket are escaped (RFC 5424, 6.3.3).
func param(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, ' '), name...), `="`...)
	for _, c := range []byte(clean(value)) {
		if c == '"' || c == '\\' || c == ']' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// printable is s as the words of a header may be: printable ASCII without spaces.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '_'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
