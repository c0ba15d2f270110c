package redisfleet

import (
	"crypto/tls"

	"github.com/convosphere/gateway/test/pki"
)

// TLS is how servers talk, to clients and each other: each shows a certificate and asks for one. nil: in the clear.
type TLS struct {
	CA     *pki.Authority
	Server pki.Pair
	Client pki.Pair // what a test shows
	Name   string   // by which a test knows the servers; "" their addresses
}

// NewTLS makes the certificates of servers on the loopback.
func NewTLS(t T) *TLS {
	ca := pki.New(t, "redis.test")
	// A server is a client of the others: its certificate proves both.
	server := ca.Make(t, pki.Kind{Name: "redis", Hosts: []string{"127.0.0.1", "localhost"}, Both: true})
	return &TLS{CA: ca, Server: server, Client: ca.Client(t, "gateway")}
}

func (l *TLS) listen(port string) []string {
	if l == nil {
		return []string{"--port", port}
	}
	return []string{
		"--port", "0", "--tls-port", port, "--tls-cert-file", l.Server.Cert, "--tls-key-file", l.Server.Key, "--tls-ca-cert-file", l.CA.File,
		"--tls-auth-clients", "yes", "--tls-replication", "yes", "--tls-cluster", "yes",
	}
}

func (l *TLS) config(t T) *tls.Config {
	if l == nil {
		return nil
	}
	c := l.CA.Config(t, l.Client)
	c.ServerName = l.Name
	return c
}

// cli are the flags of redis-cli.
func (l *TLS) cli() []string {
	if l == nil {
		return nil
	}
	return []string{"--tls", "--cacert", l.CA.File, "--cert", l.Client.Cert, "--key", l.Client.Key}
}

// StartOver runs one server that speaks TLS alone.
func StartOver(t T, over *TLS) *Server {
	t.Helper()
	return start(t, free(t, 1)[0], over, memory...)
}
