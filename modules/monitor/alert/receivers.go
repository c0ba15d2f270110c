package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/ship"
)

// Webhook posts an alert as JSON, signed as outputs' webhooks are. Its incidents hold what clients chose as it was: it is data, not text.
type Webhook struct{ Hook *ship.Webhook }

// Send implements Receiver.
func (w Webhook) Send(ctx context.Context, m Message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return ship.Refused{Err: fmt.Errorf("writing an alert: %w", err)}
	}
	return w.Hook.Post(ctx, raw, m.ID)
}

// Close implements Receiver.
func (w Webhook) Close() error { return w.Hook.Close() }

// Slack posts to an incoming webhook of Slack, or of what understands the same: Mattermost, Rocket.Chat, Discord's /slack.
type Slack struct{ Hook *ship.Webhook }

// mostBlock is how long Slack lets a block of text be.
const mostBlock = 2900

// slackText is how Slack wants its three signs written.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Send implements Receiver. The text is given as what is not to be read as markup; those who know no blocks show the fallback, in which nothing is markup either.
func (s Slack) Send(ctx context.Context, m Message) error {
	text := m.Text
	if len(text) > mostBlock {
		text = strings.ToValidUTF8(text[:mostBlock], "") + "…"
	}
	type object = map[string]any
	raw, err := json.Marshal(object{
		"text": slackText.Replace(m.Title + "\n" + text),
		"blocks": []object{
			{"type": "header", "text": object{"type": "plain_text", "text": m.Title, "emoji": false}},
			{"type": "section", "text": object{"type": "plain_text", "text": text, "emoji": false}},
		},
	})
	if err != nil {
		return ship.Refused{Err: fmt.Errorf("writing an alert: %w", err)}
	}
	return s.Hook.Post(ctx, raw, "")
}

// Close implements Receiver.
func (s Slack) Close() error { return s.Hook.Close() }

// Mail writes to addresses, as plain text.
type Mail struct {
	Client *mail.Client
	To     []string
}

// Send implements Receiver. Each address gets its own mail; where one fails, a retry writes to all again, under the same Message-ID.
func (r Mail) Send(ctx context.Context, m Message) error {
	var errs []error
	refused := 0
	for n, to := range r.To {
		err := r.Client.Send(ctx, mail.Message{ID: fmt.Sprintf("alert-%s-%d", m.ID, n), To: to, Subject: m.Title, Text: m.Text, At: m.At})
		var rejected mail.Rejected
		if errors.As(err, &rejected) {
			refused++
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	switch {
	case len(errs) == 0:
		return nil
	case refused == len(r.To): // nobody will ever get it
		return ship.Refused{Err: errors.Join(errs...)}
	case refused == len(errs): // the others have it
		return nil
	}
	return errors.Join(errs...)
}

// Close implements Receiver.
func (Mail) Close() error { return nil }

// Syslog says an alert in one message.
type Syslog struct{ To *ship.Syslog }

// Send implements Receiver.
func (s Syslog) Send(ctx context.Context, m Message) error {
	line := strings.Join(strings.Fields(m.Title+" "+m.Text), " ")
	return s.To.Send(ctx, []ship.Message{ship.NewMessage(m.ID, "alert", m.At, ship.Level(m.Level), []byte(line))})
}

// Close implements Receiver.
func (s Syslog) Close() error { return s.To.Close() }
