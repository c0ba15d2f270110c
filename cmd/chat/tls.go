package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// encrypt has the listener speak TLS where a certificate is given, to clients of the authority alone where that is given. The files are read for each
// connection, which the gateway keeps for long: renewed ones need no restart.
func encrypt(l net.Listener, c config) (net.Listener, error) {
	if c.cert == "" && c.key == "" && c.clientCA == "" {
		return l, nil
	}
	if c.cert == "" || c.key == "" {
		return nil, errors.New("-tls-cert and -tls-key go together, and -client-ca with both")
	}
	first, err := serverTLS(c)
	if err != nil {
		return nil, err
	}
	first.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return serverTLS(c) // where they can't be read the handshake fails: nobody gets in by an old authority
	}
	return tls.NewListener(l, first), nil
}

func serverTLS(c config) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if c.clientCA == "" {
		return t, nil
	}
	raw, err := os.ReadFile(c.clientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the clients' authority: %w", err)
	}
	t.ClientAuth, t.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate", c.clientCA)
	}
	return t, nil
}
