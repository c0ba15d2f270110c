// Command server is a small service with the API of Vault's transit engine, for tests: keys with versions that never leave it, encrypt, decrypt,
// rewrap, rotate, sealing, one token, TLS. It shares no code with the gateway.
//
//	TRANSIT_TOKEN=… server -dir DIR
//
// It writes ca.pem into the folder, then prints its address, and ends with its standard input.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func main() {
	dir := flag.String("dir", ".", "where ca.pem is written")
	flag.Parse()
	cert, err := certificate(filepath.Join(*dir, "ca.pem"))
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := &http.Server{
		Handler: newVault(os.Getenv("TRANSIT_TOKEN")), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it is gone
		_ = s.Close()
	}()
	fmt.Println("https://" + l.Addr().String())
	if err := s.ServeTLS(l, "", ""); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

// certificate makes one for loopback that signs itself, and writes it to the file.
func certificate(file string) (c tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	from := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "transit"}, NotBefore: from.Add(-time.Hour), NotAfter: from.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return c, err
	}
	c.Certificate, c.PrivateKey = [][]byte{der}, key
	return c, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}
