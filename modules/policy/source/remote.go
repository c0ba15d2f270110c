package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
)

// Remote says where a bundle is fetched from, and how.
type Remote struct {
	URL    string                    // http or https, without a name and password in it
	Header http.Header               // sent along; of secrets, too
	CA     string                    // PEM file of who signs the server's certificate, as it is at each look; "": the system's
	Every  time.Duration             // between two looks; default 1m
	Sign   func(*http.Request) error // last, before a request goes out; nil: nothing
	Name   string                    // for people; "" is URL
	Trust  *Trust
	Now    func() time.Time
}

// Bounds of a fetch. The time is for all of it: a server that sends one byte a second ends too.
const (
	DefaultEvery = time.Minute
	fetchTimeout = time.Minute
	headTimeout  = 10 * time.Second
	maxRedirects = 5
	maxETag      = 1024
)

type remote struct {
	Remote
	files  *link.Files
	client *http.Client
	etag   string // of what was taken
	last   [sha256.Size]byte
}

// NewRemote is a bundle on a server.
func NewRemote(r Remote) (Origin, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("it is no http or https URL")
	}
	if u.User != nil {
		return nil, errors.New("a URL is shown in logs: write no name and password into it, but a header")
	}
	files, err := link.TLS{CA: r.CA}.Open()
	if err != nil {
		return nil, err
	}
	if r.Every <= 0 {
		r.Every = DefaultEvery
	}
	if r.Name == "" {
		shown := *u
		if shown.RawQuery != "" { // signed URLs hold their secret there
			shown.RawQuery = "…"
		}
		r.Name = shown.String()
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: headTimeout}).DialContext,
		TLSHandshakeTimeout:    headTimeout,
		ResponseHeaderTimeout:  headTimeout,
		DisableCompression:     true, // a bundle is packed as it is; some servers call that an encoding
		DisableKeepAlives:      true, // once a minute or so, and no connection to be closed
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &remote{Remote: r, files: files, client: &http.Client{Transport: files.Transport(transport), CheckRedirect: redirect}}, nil
}

// redirect follows a few, and never from TLS into the open. Another server than the one that is configured gets nothing that is meant for that one: Go's
// client knows of Authorization and cookies alone, and sends the URL that it came from along.
func redirect(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != via[0].URL.Scheme || r.URL.Host != via[0].URL.Host {
		r.Header = http.Header{"Accept": via[0].Header["Accept"], "User-Agent": via[0].Header["User-Agent"]}
	}
	r.Header.Del("Referer")
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case r.URL.Scheme != "https" && via[0].URL.Scheme == "https", r.URL.Scheme != "https" && r.URL.Scheme != "http":
		return errors.New("it redirects out of TLS")
	}
	return nil
}

// Every implements Origin.
func (r *remote) Every() time.Duration { return r.Remote.Every }

func (r *remote) String() string { return r.Name }

// Fetch implements Origin.
func (r *remote) Fetch(ctx context.Context, again bool) (*Found, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	raw, etag, err := r.get(ctx, again)
	if err != nil || raw == nil {
		return nil, err
	}
	digest := sha256.Sum256(raw)
	if digest == r.last && !again {
		return nil, nil
	}
	r.last, r.etag = digest, ""
	found, err := OpenBundle(raw, r.Trust, r.Now())
	if err != nil {
		return nil, &Refusal{Reason: Untrusted, Err: err}
	}
	r.etag = etag // not before: what is not taken is fetched again, in case somebody on the way had changed it
	return found, nil
}

// get asks for the bundle; nil where it is still the one that was taken.
func (r *remote) get(ctx context.Context, again bool) (raw []byte, etag string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header = r.Header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", "application/gzip, application/octet-stream, application/vnd.openpolicyagent.bundles")
	req.Header.Set("User-Agent", "convosphere-gateway")
	if r.etag != "" && !again {
		req.Header.Set("If-None-Match", r.etag)
	}
	if r.Sign != nil {
		if err := r.Sign(req); err != nil {
			return nil, "", fmt.Errorf("signing the request: %w", err)
		}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, "", r.files.Because(withoutURL(err))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && r.etag != "" && !again:
		return nil, "", nil
	case resp.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("the server answers %d", resp.StatusCode)
	case resp.ContentLength > MaxBundle:
		return nil, "", errTooLarge
	}
	if raw, err = io.ReadAll(io.LimitReader(resp.Body, MaxBundle+1)); err != nil {
		return nil, "", fmt.Errorf("reading the answer: %w", withoutURL(err))
	}
	if len(raw) > MaxBundle {
		return nil, "", errTooLarge
	}
	if etag = resp.Header.Get("ETag"); len(etag) > maxETag {
		etag = ""
	}
	return raw, etag, nil
}

var errTooLarge = fmt.Errorf("the bundle has more than %d MiB", MaxBundle>>20)

// withoutURL takes the URL out of a client's error: it may hold a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
