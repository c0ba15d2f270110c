package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
)

// mostAnswer bounds what is read of an answer.
const mostAnswer = 64 << 10

// HTTP is a receiver that takes requests.
type HTTP struct {
	URL    string
	Header map[string]string // for example Authorization
	TLS    link.TLS
}

// poster sends requests to one address.
type poster struct {
	url    string
	header http.Header
	files  *link.Files
	client *http.Client
}

// newPoster reads the address. It does not connect.
func newPoster(h HTTP) (*poster, error) {
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
		return nil, errors.New("the address must be one as https://host/path") // not said again: it may hold a secret
	}
	if u.User != nil {
		return nil, errors.New("the address must hold no user: write a header Authorization")
	}
	files, err := openTLS(h.TLS)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {"ConvoSphere-Gateway"}}
	for name, value := range h.Header {
		header.Set(name, value)
	}
	return &poster{u.String(), header, files, &http.Client{
		Timeout: sendTimeout,
		Transport: files.Transport(&http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, MaxConnsPerHost: 2,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: sendTimeout, IdleConnTimeout: 90 * time.Second,
			MaxResponseHeaderBytes: mostAnswer,
		}),
		// An answer elsewhere would get what was meant for this receiver, with its signature and its token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// post sends a body and gives the answer's where it was taken (2xx). Errors: Refused, Later, or one that may pass. None tells the address.
func (p *poster) post(ctx context.Context, body []byte, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("making the request")
	}
	for _, all := range []http.Header{p.header, header} {
		for name, values := range all {
			r.Header[name] = values
		}
	}
	resp, err := p.client.Do(r)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // the whole would show the address
		}
		return nil, p.files.Because(fmt.Errorf("asking the receiver: %w", err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil && resp.StatusCode/100 == 2 {
		err = nil // it was taken; what else it says is cut
	}
	if resp.StatusCode/100 == 2 {
		return answer, err
	}
	return nil, judge(resp, time.Now())
}

// judge says what an answer that is no success means. What is wrong with the request itself is refused. All else may pass, a wrong token or path included: an
// operator mends those, and until then events wait.
func judge(resp *http.Response, now time.Time) error {
	err := fmt.Errorf("the receiver answered %d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return Refused{Err: err}
	}
	if wait := retryAfter(resp.Header.Get("Retry-After"), now); wait > 0 {
		return Later{err, wait}
	}
	return err
}

// retryAfter reads RFC 9110's Retry-After: seconds, or a time.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(s)*time.Second, mostWait)
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), mostWait)
	}
	return 0
}

func (p *poster) close() error {
	p.client.CloseIdleConnections()
	return nil
}
