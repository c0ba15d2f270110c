package http

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

const (
	refetchAfter = 5 * time.Second  // at most one fetch in this time for kids that nobody knows
	firstRetry   = time.Second      // the same while there are no keys at all: the gateway may be starting
	refreshEvery = 10 * time.Minute // so that a key that was withdrawn is forgotten
	fetchTimeout = 5 * time.Second
	maxJWKS      = 256 << 10
)

var (
	errUnknownKey = errors.New("the key is not one of the gateway's")
	// ErrNoKeys says that the gateway's keys could not be fetched yet, so nothing can be verified.
	ErrNoKeys = errors.New("the gateway's keys are not known yet")
)

// Keys are the gateway's public keys, fetched from its JWKS. The zero value knows none and refuses every kid.
type Keys struct {
	url    string
	caFile string
	log    *slog.Logger

	mu   sync.RWMutex
	keys map[string]*ecdsa.PublicKey

	fetching sync.Mutex // held by the one that fetches
	tried    time.Time  // guarded by fetching
}

// NewKeys takes the JWKS' URL and, where its server's certificate is not publicly trusted, a file with the CA's certificates
// (PEM). The file is read at each fetch, since the gateway may be about to write it.
func NewKeys(jwks, caFile string, log *slog.Logger) (*Keys, error) {
	u, err := url.Parse(jwks)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("the JWKS must be an http or https URL, not %q", jwks)
	}
	return &Keys{url: jwks, caFile: caFile, log: log}, nil
}

// Run fetches the keys until it has them, and again now and then, until ctx ends.
func (k *Keys) Run(ctx context.Context) {
	const first = 100 * time.Millisecond
	wait := first
	for {
		next := refreshEvery
		if err := k.refresh(ctx, 0); err != nil && ctx.Err() == nil {
			k.log.Warn("fetching the gateway's keys, trying again", "error", err)
			wait = min(2*wait, 5*time.Second)
			next = wait
		} else {
			wait = first
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// Key gives the public key with this kid. A kid that is unknown makes Keys look again, but not often.
func (k *Keys) Key(ctx context.Context, kid string) (*ecdsa.PublicKey, error) {
	key, some := k.look(kid)
	if key != nil {
		return key, nil
	}
	pause := refetchAfter
	if !some {
		pause = firstRetry
	}
	if err := k.refresh(ctx, pause); err != nil {
		k.log.Warn("fetching the gateway's keys", "error", err)
	}
	switch key, some := k.look(kid); {
	case key != nil:
		return key, nil
	case !some:
		return nil, ErrNoKeys
	default:
		return nil, errUnknownKey
	}
}

func (k *Keys) look(kid string) (key *ecdsa.PublicKey, some bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[kid], len(k.keys) > 0
}

// refresh fetches unless someone did within the pause. Those who come meanwhile wait for the one that fetches.
func (k *Keys) refresh(ctx context.Context, pause time.Duration) error {
	k.fetching.Lock()
	defer k.fetching.Unlock()
	if !k.tried.IsZero() && time.Since(k.tried) < pause {
		return nil
	}
	// The fetch is for all who wait: it does not end with the request that began it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err := k.fetch(ctx)
	k.tried = time.Now()
	if err != nil {
		return err // the keys we have stay good
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	return nil
}

func (k *Keys) fetch(ctx context.Context) (map[string]*ecdsa.PublicKey, error) {
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if k.caFile != "" {
		pem, err := os.ReadFile(k.caFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", k.caFile)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the keys are where the operator said, nowhere else
	}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", k.url, res.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS))
	if err != nil {
		return nil, err
	}
	return parseKeys(raw)
}

// parseKeys takes the set's P-256 signing keys that have a kid; others are not for assertions.
func parseKeys(raw []byte) (map[string]*ecdsa.PublicKey, error) {
	set, err := jwk.Parse(raw)
	if err != nil {
		return nil, errors.New("the answer is not a JWK set")
	}
	keys := map[string]*ecdsa.PublicKey{}
	for i := range set.Len() {
		key, _ := set.Key(i)
		var public ecdsa.PublicKey
		alg, use := key.Algorithm().String(), key.KeyUsage()
		if key.KeyID() == "" || alg != "" && alg != jwa.ES256.String() || use != "" && use != "sig" {
			continue
		}
		if key.Raw(&public) == nil && public.Curve == elliptic.P256() {
			keys[key.KeyID()] = &public
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no ES256 key with a kid")
	}
	return keys, nil
}
