package database

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/convosphere/gateway/modules/internal/link"
)

// verified is the only way to encrypt that also tells who is at the other end. The others of libpq, require and verify-ca, let in whoever has any
// certificate, or any of that authority's.
const verified = "verify-full"

// errURL takes the place of errors that would show the password.
var errURL = errors.New("opening the PostgreSQL database: the URL can't be read")

// Secure returns the URL with what its link is verified with. An sslmode in it can't weaken that.
func Secure(dsn string, t link.TLS) (string, error) {
	base, q, err := cutQuery(dsn)
	if err != nil {
		return "", err
	}
	if mode := q.Get("sslmode"); mode != "" && mode != verified {
		return "", fmt.Errorf("postgres: sslmode=%s in the address would weaken the link: leave it out, it is %s", mode, verified)
	}
	q.Set("sslmode", verified)
	said, err := takeTLS(q)
	if err == nil {
		t, err = t.Merge(said)
	}
	if err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	for key, v := range map[string]string{"sslmode": verified, "sslrootcert": t.CA, "sslcert": t.Certificate, "sslkey": t.Key, "server_name": t.ServerName} {
		if v != "" {
			q.Set(key, v)
		}
	}
	return joinQuery(base, q), nil
}

// Plain names the hosts of other machines that the database's name reaches without encryption, or without knowing that it is they.
func Plain(name string) (hosts []string, err error) {
	if strings.HasPrefix(name, "sqlite") {
		return nil, nil
	}
	c, files, err := readPostgres(name)
	if err != nil || files != nil {
		return nil, err
	}
	for _, host := range hostsOf(c) {
		if !link.Local(host) {
			hosts = append(hosts, host)
		}
	}
	return hosts, nil
}

func hostsOf(c *pgx.ConnConfig) []string {
	hosts := []string{c.Host}
	for _, f := range c.Fallbacks {
		if f.Host != hosts[len(hosts)-1] { // a host that is tried both ways is one
			hosts = append(hosts, f.Host)
		}
	}
	return hosts
}

func connectPostgres(dsn string) (*DB, error) {
	c, files, err := readPostgres(dsn)
	if err != nil {
		return nil, err
	}
	var options []stdlib.OptionOpenDB
	if files != nil {
		encrypt(c, files) // also before any connection, so that none could come about without
		options = append(options, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
			encrypt(c, files)
			return nil
		}))
	}
	db := stdlib.OpenDB(*c, options...)
	db.SetMaxOpenConns(16)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if files != nil {
		db.SetConnMaxLifetime(link.MaxLife)
	}
	return &DB{sql: db, postgres: true, files: files}, nil
}

// readPostgres reads a URL. files are nil where the link is not verified.
func readPostgres(dsn string) (*pgx.ConnConfig, *link.Files, error) {
	base, q, err := cutQuery(dsn)
	if err != nil {
		return nil, nil, err
	}
	mode := q.Get("sslmode")
	if mode != verified && (mode != "" || q.Get("sslrootcert") != "system") {
		c, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, nil, errURL
		}
		return c, nil, nil
	}
	t, err := takeTLS(q)
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	// The driver is told of no TLS, neither by the URL nor by the environment (PGSSLMODE and the like), and gets ours: what it reads, it reads once.
	q.Set("sslmode", "disable")
	c, err := pgx.ParseConfig(joinQuery(base, q))
	if err != nil {
		return nil, nil, errURL
	}
	files, err := t.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("postgres: %w", err)
	}
	return c, files, nil
}

// encrypt has every host be reached over TLS, but for unix sockets, which have none.
func encrypt(c *pgx.ConnConfig, files *link.Files) {
	if !strings.HasPrefix(c.Host, "/") {
		c.TLSConfig = files.Client(c.Host)
	}
	fallbacks := make([]*pgconn.FallbackConfig, len(c.Fallbacks)) // those of c are shared by all connections
	for i, f := range c.Fallbacks {
		own := *f
		if !strings.HasPrefix(own.Host, "/") {
			own.TLSConfig = files.Client(own.Host)
		}
		fallbacks[i] = &own
	}
	c.Fallbacks = fallbacks
}

// takeTLS takes out of the parameters what says how the link is verified, by the names that libpq has for it.
func takeTLS(q url.Values) (t link.TLS, err error) {
	for key, to := range map[string]*string{"sslrootcert": &t.CA, "sslcert": &t.Certificate, "sslkey": &t.Key, "server_name": &t.ServerName} {
		*to = q.Get(key)
		q.Del(key)
	}
	if t.CA == "system" {
		t.CA = ""
	}
	for _, key := range []string{"sslpassword", "sslcertmode", "sslsni", "sslnegotiation", "ssl"} {
		if q.Has(key) {
			return t, fmt.Errorf("%s does not go with sslmode=%s", key, verified)
		}
	}
	return t, nil
}

// cutQuery parts a URL from its parameters; a password may hold a ? itself, and a list of hosts is none that net/url reads.
func cutQuery(dsn string) (base string, q url.Values, err error) {
	from := strings.LastIndexByte(dsn, '@') + 1
	base, query := dsn, ""
	if i := strings.IndexByte(dsn[from:], '?'); i >= 0 {
		base, query = dsn[:from+i], dsn[from+i+1:]
	}
	if q, err = url.ParseQuery(query); err != nil {
		return "", nil, errURL
	}
	for key, v := range q {
		if strings.HasPrefix(key, "ssl") && len(v) > 1 { // which of them counts is the reader's whim
			return "", nil, fmt.Errorf("postgres: %s is given twice in the address", key)
		}
	}
	return base, q, nil
}

func joinQuery(base string, q url.Values) string {
	return base + "?" + strings.ReplaceAll(q.Encode(), "+", "%20") // to PostgreSQL a plus is a plus
}

// Files are those of the link; nil: it is none to verify.
func (db *DB) Files() *link.Files { return db.files }
