package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const sendTimeout = 30 * time.Second // for one mail, from the dial on

// Client sends mails through one server. It is safe for use by many.
type Client struct {
	config Config
	server server
}

// NewClient reads the configuration. It does not connect.
func NewClient(c Config) (*Client, error) {
	s, err := c.read()
	if err != nil {
		return nil, err
	}
	return &Client{c, s}, nil
}

// Message is a mail as it leaves.
type Message struct {
	ID      string // unique; of retries the same
	To      string
	Subject string
	Text    string
	At      time.Time
}

// Rejected is a mail that the server will never take: no such mailbox, for one. It holds no address.
type Rejected struct{ Code int }

func (r Rejected) Error() string {
	return fmt.Sprintf("the mail server refused it for good (%d)", r.Code)
}

// Send hands one mail to the server. Errors: Rejected; anything else may pass later. No error tells the address or what the server said of it.
func (c *Client) Send(ctx context.Context, m Message) error {
	msg, err := c.message(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	client, hangUp, err := c.client(ctx)
	if err != nil {
		return err
	}
	defer hangUp() // go-mail leaves connections open whose greeting fails
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("connecting to the mail server: %w", err) // nothing of the mail is known there yet
	}
	err = client.Send(msg)
	_ = client.Close() // QUIT, for manners: the mail is taken or not by now
	var refused *gomail.SendError
	switch {
	case err == nil || msg.IsDelivered(): // what came after it is no matter
		return nil
	case errors.As(err, &refused) && refused.ErrorCode() >= 500 && (refused.Reason == gomail.ErrSMTPRcptTo || refused.Reason == gomail.ErrSMTPData || refused.Reason == gomail.ErrSMTPDataClose):
		return Rejected{refused.ErrorCode()}
	case errors.As(err, &refused):
		return fmt.Errorf("the mail server did not take it: %s (%d)", refused.Reason, refused.ErrorCode())
	}
	return errors.New("the mail server did not take it")
}

// client makes one for a single connection; hangUp ends that, as the context's end does.
func (c *Client) client(ctx context.Context) (*gomail.Client, func(), error) {
	tlsConfig := c.server.files.Client(c.server.host)
	hangUp := func() {}
	dial := func(ctx2 context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx2, network, addr)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		hangUp = func() {
			stop()
			_ = conn.Close()
		}
		if !c.server.implicit {
			return conn, nil
		}
		secured := tls.Client(conn, tlsConfig)
		return secured, secured.HandshakeContext(ctx2)
	}
	options := []gomail.Option{gomail.WithPort(c.server.port), gomail.WithTimeout(sendTimeout), gomail.WithTLSConfig(tlsConfig), gomail.WithDialContextFunc(dial)}
	switch {
	case c.server.implicit:
		options = append(options, gomail.WithSSL())
	case c.config.Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.config.Username != "" {
		options = append(options, gomail.WithUsername(c.config.Username), gomail.WithPassword(c.config.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	client, err := gomail.NewClient(c.server.host, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("setting up the mail client: %w", err)
	}
	return client, func() { hangUp() }, nil
}

func (c *Client) message(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(c.server.from)
	if err := msg.To(m.To); err != nil {
		return nil, errors.New("the address can't be mailed to")
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.At)
	msg.SetMessageIDWithValue(m.ID + "@" + domain(c.server.from.Address))
	// No answering machine shall answer (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

func domain(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return address
}
