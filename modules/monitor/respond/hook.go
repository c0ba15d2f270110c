package respond

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Hook is an address that is told of a finding, for what only others can do.
type Hook struct {
	URL    string // https, or http
	Secret string // signs what is sent; "": it is not signed
}

const (
	hookTime = 10 * time.Second
	hookTry  = 3
	// SignatureHeader holds "t=<seconds since 1970>,v1=<hex of HMAC-SHA256 over "<t>.<body>">".
	SignatureHeader = "Gateway-Signature"
)

func (h *Hook) check() error {
	if h == nil {
		return nil
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("%w: webhook: its address begins with https://", ErrMalformed) // the address may hold a secret: it is not told
	}
	return nil
}

// hookBody is what is sent.
type hookBody struct {
	ID       string          `json:"id"` // of the response: the same where it is sent again
	At       time.Time       `json:"at"`
	Subject  finding.Subject `json:"subject"`
	Rule     string          `json:"rule"`
	Title    string          `json:"title"`
	Finding  string          `json:"finding"`
	Incident string          `json:"incident,omitempty"`
}

// caller sends to hooks. It follows no redirects: the answer of one must not choose another.
type caller struct{ client *http.Client }

func newCaller() *caller {
	return &caller{&http.Client{Timeout: hookTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

var errHook = errors.New("the webhook does not take it")

// call sends what is to be told, again a few times where it is not taken.
func (c *caller) call(ctx context.Context, h *Hook, r *Response, now time.Time) error {
	body, err := json.Marshal(hookBody{r.ID, r.Created, r.Subject, r.Rule, r.Reason, r.Finding, r.Incident})
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err = c.once(ctx, h, body, now); err == nil || try == hookTry {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 200 * time.Millisecond):
		}
	}
}

func (c *caller) once(ctx context.Context, h *Hook, body []byte, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return errHook
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ConvoSphere-Gateway")
	if h.Secret != "" {
		req.Header.Set(SignatureHeader, sign(h.Secret, body, now))
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: it does not answer", errHook) // the error would show its address
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%w: status %d", errHook, resp.StatusCode)
	}
	return nil
}

func sign(secret string, body []byte, now time.Time) string {
	t := strconv.FormatInt(now.Unix(), 10)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(t + "."))
	m.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(m.Sum(nil))
}
