package database

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/postgres"
)

// overTLS starts a server that asks for a certificate of the authority, made out to the role.
func overTLS(t *testing.T, ca *pki.Authority, shown pki.Pair) *postgres.Server {
	t.Helper()
	s, err := postgres.StartTLS(postgres.TLS{Cert: shown.Cert, Key: shown.Key, CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func secure(t *testing.T, dsn string, l link.TLS) string {
	t.Helper()
	s, err := Secure(dsn, l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reach(t *testing.T, dsn string) error {
	t.Helper()
	db, err := OpenToRead(t.Context(), Config{Postgres: dsn})
	if err != nil {
		return err
	}
	return errors.Join(db.Ping(t.Context()), db.Close())
}

// Whoever is on the way, or stands in for the server, gets no link, whatever the address asks for.
func TestLinksThatCanNotBeVerified(t *testing.T) {
	ca, stranger := pki.New(t, "pg.test"), pki.New(t, "stranger.test")
	mine, strangers, somebody := ca.Client(t, "gateway"), stranger.Client(t, "gateway"), ca.Client(t, "somebody")
	good := overTLS(t, ca, ca.Server(t, "127.0.0.1")).URL("postgres")
	named := overTLS(t, ca, ca.Server(t, "another.test")).URL("postgres")
	late := overTLS(t, ca, ca.Make(t, pki.Kind{Name: "pg", Hosts: []string{"127.0.0.1"}, Ended: true})).URL("postgres")
	plain, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Stop() //nolint:errcheck // the test has what it wants
	clear := strings.TrimSuffix(plain.URL("postgres"), "?sslmode=disable")
	l := link.TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}
	for name, c := range map[string]struct{ dsn, want string }{
		"it is whom it should be":            {secure(t, good, l), ""},
		"libpq's parameters say the same":    {good + "?sslmode=verify-full&" + url.Values{"sslrootcert": {ca.File}, "sslcert": {mine.Cert}, "sslkey": {mine.Key}}.Encode(), ""},
		"an authority we don't know":         {secure(t, good, link.TLS{CA: stranger.File, Certificate: mine.Cert, Key: mine.Key}), "unknown authority"},
		"the system's authorities":           {secure(t, good, link.TLS{Certificate: mine.Cert, Key: mine.Key}), "unknown authority"},
		"sslrootcert=system":                 {good + "?sslrootcert=system", "unknown authority"},
		"a server of another name":           {secure(t, named, l), "127.0.0.1"},
		"that other name, as server_name":    {secure(t, named, link.TLS{CA: l.CA, Certificate: l.Certificate, Key: l.Key, ServerName: "another.test"}), ""},
		"a server whose certificate ended":   {secure(t, late, l), "expired"},
		"we show no certificate":             {secure(t, good, link.TLS{CA: l.CA}), "certificate"},
		"we show a stranger's":               {secure(t, good, link.TLS{CA: l.CA, Certificate: strangers.Cert, Key: strangers.Key}), "certificate"},
		"we show one made out to another":    {secure(t, good, link.TLS{CA: l.CA, Certificate: somebody.Cert, Key: somebody.Key}), "authentication"},
		"a server that speaks no TLS":        {secure(t, clear, l), "refused TLS"},
		"in the clear to one that wants TLS": {good + "?sslmode=disable", "no encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			err := reach(t, c.dsn)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "pg-"):
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
	// The environment, which libpq minds, lowers nothing.
	t.Setenv("PGSSLMODE", "disable")
	t.Setenv("PGSSLROOTCERT", stranger.File)
	if err := reach(t, secure(t, clear, l)); err == nil {
		t.Error("PGSSLMODE makes the link one in the clear")
	}
	if err := reach(t, secure(t, good, l)); err != nil {
		t.Error(err)
	}
}

// A certificate and its key are replaced one after the other while the gateway runs: connections made meanwhile use those before, and after it the new.
func TestCertificatesAreReplacedInService(t *testing.T) {
	ca := pki.New(t, "pg.test")
	server := overTLS(t, ca, ca.Server(t, "127.0.0.1"))
	mine, next := ca.Client(t, "gateway"), ca.Client(t, "gateway")
	db, err := Open(t.Context(), Config{Postgres: secure(t, server.URL("postgres"), link.TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key})})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reconnect := func() error {
		db.sql.SetMaxIdleConns(-1) // ends those that idle, so that the next is a new one
		var encrypted bool
		return db.QueryRow(t.Context(), `SELECT ssl AND version = 'TLSv1.3' FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&encrypted)
	}
	pki.Copy(t, next.Cert, mine.Cert)
	if err := reconnect(); err != nil || db.Files().Err() == nil {
		t.Errorf("half replaced: %v, and it is not told: %v", err, db.Files().Err())
	}
	pki.Copy(t, next.Key, mine.Key)
	if err := reconnect(); err != nil || db.Files().Err() != nil {
		t.Errorf("replaced: %v, %v", err, db.Files().Err())
	}
	mine.Replace(t, ca.Client(t, "somebody"))
	if err := reconnect(); err == nil {
		t.Error("what is in the files now is not what is shown")
	}
}

func TestAddressesThatWeakenALink(t *testing.T) {
	ca := pki.New(t, "pg.test")
	l := link.TLS{CA: ca.File}
	for _, dsn := range []string{
		"postgres://u@h/d?sslmode=disable", "postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=verify-ca", "postgres://u@h/d?ssl=true",
		"postgres://u@h/d?sslmode=verify-full&sslmode=disable", "postgres://u@h/d?sslrootcert=/other.pem", "postgres://u@h/d?sslsni=0", "postgres://u@h/d?%zz",
	} {
		if s, err := Secure(dsn, l); err == nil {
			t.Errorf("%s is taken, as %s", dsn, s)
		}
	}
	once := secure(t, "postgres://u:p?@h1,h2:5433/d?connect_timeout=3", l)
	if twice := secure(t, once, l); twice != once {
		t.Errorf("%s becomes %s", once, twice)
	}
	for name, want := range map[string]string{
		"sqlite:/x": "", "postgres://u@localhost/d": "", "postgres://u@127.0.0.1,[::1]/d": "", "postgres:///d?host=/run/postgresql": "", once: "",
		"postgres://u@db/d": "db", "postgres://u@db/d?sslmode=require": "db", "postgres://u@db/d?sslmode=verify-ca&sslrootcert=" + ca.File: "db",
		"postgres://u@localhost,db,db2/d": "db db2", "postgres://u@localhost/d?host=db": "db", "postgres://u@db/d?sslmode=verify-full": "",
	} {
		hosts, err := Plain(name)
		if got := strings.Join(hosts, " "); got != want || err != nil {
			t.Errorf("%s reaches %q unverified, want %q (%v)", name, got, want, err)
		}
	}
}
