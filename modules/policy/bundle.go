package policy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/policy/source"
)

// Bundle is a policy in one archive, in OPA's format, that is fetched and looked for again.
type Bundle struct {
	// Where it is: the path of a file, http://…, https://…, or s3://BUCKET/KEY.
	From string `json:"from,omitempty"`

	// Who signs it. At most 8, tried in turn, so that one may follow another.
	Keys []BundleKey `json:"keys,omitempty"`

	// What its signature must be for (OPA's claim "scope"). Default: a signature without one.
	Scope string `json:"scope,omitempty"`

	// Take it from anybody who can write it. Not over plain HTTP, but from this host.
	Unsigned bool `json:"unsigned,omitempty"`

	// How long between two looks, at least 1s. Default: 1m. A file is looked at each second.
	Every caddy.Duration `json:"every,omitempty"`

	// Headers to send along, of HTTP. Values may hold placeholders, as {file.PATH}, which are read at load.
	Headers map[string]string `json:"headers,omitempty"`

	// A PEM file with the authorities that sign the server's certificate, as it is at each look. Default: the system's.
	CA string `json:"ca,omitempty"`

	// Of S3.
	S3 *BundleS3 `json:"s3,omitempty"`
}

// BundleKey is a public key that bundles are verified by.
type BundleKey struct {
	// A PEM file: a public key or a certificate.
	File string `json:"file"`

	// Default: RS256, ES256, ES384, ES512 or EdDSA, as the key is.
	Algorithm string `json:"algorithm,omitempty"`
}

// BundleS3 is how a bundle in S3 is asked for.
type BundleS3 struct {
	// Where the bucket is. Default: AWS_REGION of the environment.
	Region string `json:"region,omitempty"`

	// The address of another service than Amazon's that speaks its protocol: https://minio.example.com
	Endpoint string `json:"endpoint,omitempty"`

	// Where the credentials are from: "environment" (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; default), "profile" (AWS_PROFILE,
	// AWS_SHARED_CREDENTIALS_FILE), "web_identity" (AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE), or "metadata" (of the machine).
	Credentials string `json:"credentials,omitempty"`
}

// maxBundleKeys bounds what each refused bundle costs.
const maxBundleKeys = 8

// origin makes what is configured: where the policy comes from, and, of bundles, where the last good one is kept.
func (b *Bundle) origin(dataDir string) (source.Origin, *source.Kept, error) {
	repl := caddy.NewReplacer()
	from, err := repl.ReplaceOrErr(b.From, true, true)
	if err != nil {
		return nil, nil, err
	}
	trust, err := b.trust(repl)
	if err != nil {
		return nil, nil, err
	}
	var origin source.Origin
	switch scheme, _, _ := strings.Cut(from, "://"); scheme {
	case "http", "https", "s3":
		origin, err = b.remote(repl, from, trust)
	default:
		if origin, err = b.file(from, trust); err != nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if dataDir == "" || trust.Unsigned {
		return origin, nil, nil
	}
	return origin, source.NewKept(filepath.Join(dataDir, "policy"), origin.String(), trust), nil
}

func (b *Bundle) trust(repl *caddy.Replacer) (*source.Trust, error) {
	switch {
	case b.Unsigned && len(b.Keys) > 0:
		return nil, errors.New("either it has keys or it is unsigned")
	case b.Unsigned && b.Scope != "":
		return nil, errors.New("scope is of a signature: it is unsigned")
	case !b.Unsigned && len(b.Keys) == 0: // fail closed: who wants to trust anybody says so
		return nil, errors.New("name the key it is signed with, or write unsigned")
	case len(b.Keys) > maxBundleKeys:
		return nil, fmt.Errorf("at most %d keys", maxBundleKeys)
	}
	trust := &source.Trust{Scope: b.Scope, Unsigned: b.Unsigned}
	for _, k := range b.Keys {
		file, err := repl.ReplaceOrErr(k.File, true, true)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		key, err := source.ParseKey(raw, k.Algorithm)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", file, err)
		}
		trust.Keys = append(trust.Keys, key)
	}
	return trust, nil
}

func (b *Bundle) file(name string, trust *source.Trust) (source.Origin, error) {
	if name == "" {
		return nil, errors.New("it says not where it is from")
	}
	if len(b.Headers) > 0 || b.CA != "" || b.S3 != nil || b.Every != 0 {
		return nil, errors.New("every, header, ca and s3 are of a bundle that is fetched, not of a file")
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	return source.NewFile(name, trust, time.Now), nil
}

func (b *Bundle) remote(repl *caddy.Replacer, from string, trust *source.Trust) (source.Origin, error) {
	r := source.Remote{URL: from, CA: b.CA, Every: time.Duration(b.Every), Trust: trust, Now: time.Now, Header: http.Header{}}
	if b.Every != 0 && r.Every < time.Second {
		return nil, errors.New("every is at least 1s")
	}
	for name, value := range b.Headers {
		value, err := repl.ReplaceOrErr(value, true, true)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", name, err)
		}
		r.Header.Set(name, strings.TrimSpace(value))
	}
	if strings.HasPrefix(from, "s3://") {
		s3 := source.S3{}
		if b.S3 != nil {
			s3 = source.S3{Region: b.S3.Region, Endpoint: b.S3.Endpoint, Credentials: b.S3.Credentials}
		}
		if err := s3.Prepare(&r); err != nil {
			return nil, err
		}
	} else if b.S3 != nil {
		return nil, errors.New("s3 is of a bundle from s3://BUCKET/KEY")
	}
	if trust.Unsigned && !private(r.URL) { // fail closed: whoever is on the way would write the policy
		return nil, errors.New("unsigned bundles are not fetched over plain HTTP from another host: use https, or sign them")
	}
	return source.NewRemote(r)
}

// private tells whether nobody else sees what is fetched from there.
func private(from string) bool {
	u, err := url.Parse(from)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
