package source

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeS3 answers who signs as Amazon's documentation has it (signature version 4), computed here anew.
type fakeS3 struct {
	t             *testing.T
	secret, token string
	object        string
	raw           []byte
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := f.refuses(r); why != "" {
		f.t.Log("S3 refuses:", why)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if r.URL.EscapedPath() != f.object {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	sends(f.raw, `"s3"`)(w, r)
}

func (f *fakeS3) refuses(r *http.Request) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	fields := map[string]string{}
	for _, part := range strings.Split(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[k] = v
	}
	scope := strings.Split(fields["Credential"], "/")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	empty := sha256.Sum256(nil)
	switch {
	case scheme != "AWS4-HMAC-SHA256" || len(scope) != 5 || scope[0] != "AKIDEXAMPLE" || scope[2] != "eu-central-1" || scope[3] != "s3" || scope[4] != "aws4_request":
		return "no credential: " + r.Header.Get("Authorization")
	case err != nil || time.Since(at).Abs() > 15*time.Minute || at.Format("20060102") != scope[1]:
		return "the date"
	case r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(empty[:]):
		return "the digest of the body"
	case r.Header.Get("X-Amz-Security-Token") != f.token:
		return "the token"
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	if !slices.IsSorted(signed) || !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") {
		return "the signed headers"
	}
	canonical := []string{r.Method, r.URL.EscapedPath(), r.URL.Query().Encode()}
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical = append(canonical, name+":"+strings.TrimSpace(value))
	}
	canonical = append(canonical, "", fields["SignedHeaders"], r.Header.Get("X-Amz-Content-Sha256"))
	digest := sha256.Sum256([]byte(strings.Join(canonical, "\n")))
	toSign := strings.Join([]string{scheme, r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + f.secret)
	for _, part := range append(scope[1:], toSign) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(key)), []byte(fields["Signature"])) != 1 {
		return "the signature"
	}
	return ""
}

func TestS3(t *testing.T) {
	p := ecPair(t)
	fake := &fakeS3{t: t, secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token: "session", object: "/policies/live/b%20c.tar.gz"}
	fake.raw = p.signed(t, write(t, "true"), "v1", time.Now())
	server := httptest.NewServer(fake)
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", fake.secret)
	t.Setenv("AWS_SESSION_TOKEN", fake.token)
	t.Setenv("AWS_REGION", "eu-central-1")
	origin := func(s S3, address string) (Origin, error) {
		r := Remote{URL: address, Trust: p.trust(t), Now: time.Now}
		if err := s.Prepare(&r); err != nil {
			return nil, err
		}
		return NewRemote(r)
	}
	o, err := origin(S3{Endpoint: server.URL}, "s3://policies/live/b c.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	found, err := o.Fetch(context.Background(), true)
	if err != nil || found.Label != "v1" || o.String() != "s3://policies/live/b c.tar.gz" {
		t.Fatal(found, err, o)
	}
	if found, err = o.Fetch(context.Background(), false); found != nil || err != nil {
		t.Error("what has not changed is fetched again", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if _, err := o.Fetch(context.Background(), true); err == nil || strings.Contains(err.Error(), "another") {
		t.Error(err)
	}
	// Amazon's own address is made of bucket and region.
	if got, err := (S3{Region: "eu-central-1"}).address("bucket", "a/b.tar.gz"); err != nil || got != "https://bucket.s3.eu-central-1.amazonaws.com/a/b.tar.gz" {
		t.Error(got, err)
	}
	for _, c := range []struct {
		s       S3
		address string
	}{
		{S3{}, "s3://bucket"}, {S3{}, "s3://bucket/"}, {S3{}, "s3:///key"}, {S3{}, "s3://b/k?versionId=1"}, {S3{}, "s3://u:p@b/k"},
		{S3{Region: "us-east-1"}, "s3://b/k"}, {S3{Credentials: "guess"}, "s3://b/k"}, {S3{Endpoint: "ftp://x"}, "s3://b/k"},
		{S3{Endpoint: "https://u:p@x"}, "s3://b/k"}, {S3{Credentials: "web_identity"}, "s3://b/k"},
	} {
		if _, err := origin(c.s, c.address); err == nil {
			t.Errorf("%+v %s is taken", c.s, c.address)
		}
	}
	t.Setenv("AWS_REGION", "")
	if _, err := origin(S3{}, "s3://b/k"); err == nil {
		t.Error("no region, yet it is taken")
	}
}
