package ship

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// SignatureHeader holds when a webhook's body was signed, and the HMAC-SHA256 of that time, a dot and the body:
//
//	Gateway-Signature: t=1764201600,v1=<hex>
//
// A receiver that knows the secret checks the HMAC, and that the time is not long ago: a body that somebody else keeps and sends again is then old.
const SignatureHeader = "Gateway-Signature"

// BatchHeader names the batch: the id of its first event. A batch that is sent again has the same, though it may hold more or fewer events.
const BatchHeader = "Gateway-Batch"

// Sign gives the value of SignatureHeader.
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Webhook posts batches as a JSON array.
type Webhook struct {
	to     *poster
	secret []byte
	now    func() time.Time
}

// NewWebhook reads the configuration. Without a secret nothing is signed.
func NewWebhook(h HTTP, secret string) (*Webhook, error) {
	p, err := newPoster(h)
	if err != nil {
		return nil, err
	}
	return &Webhook{p, []byte(secret), time.Now}, nil
}

// Send implements Sender.
func (w *Webhook) Send(ctx context.Context, batch []Message) error {
	body := []byte{'['}
	for i, m := range batch {
		if i > 0 {
			body = append(body, ',', '\n')
		}
		body = append(body, m.Body...)
	}
	return w.Post(ctx, append(body, ']'), batch[0].ID)
}

// Post sends one body of JSON, signed. Errors are a Sender's.
func (w *Webhook) Post(ctx context.Context, body []byte, id string) error {
	header := http.Header{"Content-Type": {"application/json"}}
	if id != "" {
		header.Set(BatchHeader, id)
	}
	if len(w.secret) > 0 {
		header.Set(SignatureHeader, Sign(w.secret, body, w.now()))
	}
	_, err := w.to.post(ctx, body, header)
	return err
}

// Close implements Sender.
func (w *Webhook) Close() error { return w.to.close() }
