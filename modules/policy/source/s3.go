package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/open-policy-agent/opa/v1/logging"
	"github.com/open-policy-agent/opa/v1/plugins/rest"
)

// S3 says how a bundle in S3, or in what speaks its protocol, is asked for: signed by Amazon's signature version 4.
type S3 struct {
	Region      string // "": AWS_REGION of the environment
	Endpoint    string // "": Amazon's
	Credentials string // "" or "environment", "profile", "web_identity", "metadata"
}

// Prepare has r, whose URL is s3://BUCKET/KEY, ask there.
func (s S3) Prepare(r *Remote) error {
	u, err := url.Parse(r.URL)
	key := ""
	if err == nil {
		key = strings.TrimPrefix(u.Path, "/")
	}
	if err != nil || u.Host == "" || key == "" || u.RawQuery != "" || u.User != nil {
		return errors.New("a bundle in S3 is s3://BUCKET/KEY")
	}
	environment := os.Getenv("AWS_REGION")
	if s.Region == "" {
		s.Region = environment
	}
	if s.Region == "" {
		return errors.New("s3: name the region, or set AWS_REGION")
	}
	credentials, err := s.credentials(environment)
	if err != nil {
		return err
	}
	r.Name = r.URL
	r.URL, err = s.address(u.Host, key)
	if err != nil {
		return err
	}
	r.Sign, err = signer(r.URL, credentials)
	return err
}

// address of an object: by the host's name at Amazon's, by path elsewhere.
func (s S3) address(bucket, key string) (string, error) {
	if s.Endpoint == "" {
		return (&url.URL{Scheme: "https", Host: bucket + ".s3." + s.Region + ".amazonaws.com", Path: "/" + key}).String(), nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("s3: the endpoint is no https URL")
	}
	return u.JoinPath(bucket, key).String(), nil
}

func (s S3) credentials(environment string) (map[string]any, error) {
	region := map[string]any{"aws_region": s.Region}
	switch s.Credentials {
	case "", "environment":
		if environment != s.Region { // where OPA's client reads it
			return nil, fmt.Errorf("s3: credentials from the environment are for its region: set AWS_REGION=%s", s.Region)
		}
		return map[string]any{"environment_credentials": map[string]any{}}, nil
	case "profile":
		return map[string]any{"profile_credentials": region}, nil
	case "web_identity":
		return map[string]any{"web_identity_credentials": region}, nil
	case "metadata":
		return map[string]any{"metadata_credentials": region}, nil
	}
	return nil, fmt.Errorf("s3: credentials are from environment, profile, web_identity or metadata, not from %q", s.Credentials)
}

// signer is OPA's: it knows where credentials come from, and renews them.
func signer(address string, credentials map[string]any) (func(*http.Request) error, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{"url": u.Scheme + "://" + u.Host, "credentials": map[string]any{"s3_signing": credentials}})
	if err != nil {
		return nil, err
	}
	client, err := rest.New(config, nil, rest.Logger(logging.NewNoOpLogger()))
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	plugin, err := client.Config().AuthPlugin(nil)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	if _, err := plugin.NewClient(*client.Config()); err != nil { // which only prepares the plugin: the client is ours
		return nil, fmt.Errorf("s3: %w", err)
	}
	return plugin.Prepare, nil
}
