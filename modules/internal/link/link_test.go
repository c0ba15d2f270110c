package link

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/pki"
)

func TestFilesThatAreNoGood(t *testing.T) {
	ca := pki.New(t, "ca.test")
	mine, other, ended := ca.Client(t, "gateway"), ca.Client(t, "other"), ca.Make(t, pki.Kind{Name: "late", Client: true, Ended: true})
	large := filepath.Join(t.TempDir(), "large.pem")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		t    TLS
		want string
	}{
		"nothing is asked for":             {TLS{}, ""},
		"all of it":                        {TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}, ""},
		"no file":                          {TLS{CA: filepath.Join(t.TempDir(), "none.pem")}, "no such file"},
		"no certificate in it":             {TLS{CA: mine.Key}, "holds no certificate"},
		"an empty file":                    {TLS{CA: empty}, "holds no certificate"},
		"an empty certificate":             {TLS{Certificate: empty, Key: empty}, "client_certificate"},
		"over 4 MiB":                       {TLS{CA: large}, "over 4 MiB"},
		"a certificate without its key":    {TLS{Certificate: mine.Cert}, "go together"},
		"a certificate with another's key": {TLS{Certificate: mine.Cert, Key: other.Key}, "private key does not match"},
		"a certificate that has ended":     {TLS{Certificate: ended.Cert, Key: ended.Key}, "has ended on"},
	} {
		f, err := c.t.Open()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case err == nil && f.Client("h").InsecureSkipVerify:
			t.Errorf("%s: nothing is verified", name)
		}
	}
}

// What the files hold is what counts, whatever their times say.
func TestFilesAreReadForEachConnection(t *testing.T) {
	ca, next := pki.New(t, "ca.test"), pki.New(t, "next.test")
	mine, renewed := ca.Client(t, "one"), next.Client(t, "two")
	now := time.Now()
	f, err := TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}.open(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	before := f.Client("h")
	if c := f.Client("h"); c.Certificates[0].Leaf != before.Certificates[0].Leaf {
		t.Error("files that did not change are parsed again")
	}
	pki.Copy(t, renewed.Cert, mine.Cert)
	if c := f.Client("h"); c.Certificates[0].Leaf != before.Certificates[0].Leaf || f.Err() == nil {
		t.Errorf("half of a pair: %v", f.Err())
	}
	pki.Copy(t, renewed.Key, mine.Key)
	pki.Copy(t, next.File, ca.File)
	c := f.Client("h")
	if c.Certificates[0].Leaf.Subject.CommonName != "two" || f.Err() != nil || c.RootCAs.Equal(before.RootCAs) || !f.Lives()[1].Until.Equal(c.Certificates[0].Leaf.NotAfter) {
		t.Errorf("a pair: %v", f.Err())
	}
	if err := os.Remove(ca.File); err != nil {
		t.Fatal(err)
	}
	if c := f.Client("h"); c.RootCAs == nil || f.Err() == nil {
		t.Error("without the file of the authorities, the system's would do")
	}
}

// Files are looked at for how long they last without a connection, but not each time.
func TestLives(t *testing.T) {
	ca, now := pki.New(t, "ca.test"), time.Now()
	f, err := TLS{CA: ca.File}.open(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	before := f.Lives()
	if len(before) != 1 || !before[0].Authority || before[0].Until.Before(now) {
		t.Fatal(before)
	}
	both, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	longer, err := os.ReadFile(ca.Make(t, pki.Kind{Name: "next.test", Lasts: 90 * 24 * time.Hour}).Cert)
	if err == nil {
		err = os.WriteFile(ca.File, append(both, longer...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if now = now.Add(lookAgain - time.Second); !slices.Equal(f.Lives(), before) {
		t.Error("the file is read each time")
	}
	if now = now.Add(time.Second); !f.Lives()[0].Until.After(before[0].Until.Add(80 * 24 * time.Hour)) {
		t.Errorf("of two authorities one lasts: %v", f.Lives())
	}
}

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "/run/redis.sock": true, "@abstract": true,
		"10.0.0.1": false, "redis": false, "localhost.evil.test": false, "127.0.0.1.evil.test": false, "": false, "0.0.0.0": false, "2001:db8::1": false,
	} {
		if got := Local(host); got != want {
			t.Errorf("%q is this machine: %v", host, got)
		}
	}
}
