// Command chat is the chat back end. It runs behind the gateway, whose assertions it verifies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	chathttp "github.com/convosphere/gateway/backend/http"
	"github.com/convosphere/gateway/backend/sqlite"
)

type config struct {
	listen, data, jwks, ca, audience, issuer string
	cert, key, clientCA                      string
}

func main() {
	c, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // parse has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("chat", flag.ContinueOnError)
	f.StringVar(&c.listen, "listen", "127.0.0.1:9000", "`address` to listen on: host:port, or unix/PATH")
	f.StringVar(&c.data, "data", "", "`folder` for rooms, messages and files (required)")
	f.StringVar(&c.jwks, "jwks", "", "`URL` of the gateway's public keys (required)")
	f.StringVar(&c.ca, "jwks-ca", "", "PEM `file` of the authority that signed that URL's certificate")
	f.StringVar(&c.cert, "tls-cert", "", "PEM `file` of the certificate to show: the chat then speaks TLS alone")
	f.StringVar(&c.key, "tls-key", "", "PEM `file` of its key")
	f.StringVar(&c.clientCA, "client-ca", "", "PEM `file` of the authority of the gateway's certificate, without which nobody is answered then")
	f.StringVar(&c.audience, "audience", "chat", "`name` that the gateway's assertions are for")
	f.StringVar(&c.issuer, "issuer", "gateway", "`name` that the gateway's assertions are from")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 || c.data == "" || c.jwks == "" {
		err := errors.New("--data and --jwks are required, and nothing stands after the flags")
		fmt.Fprintln(f.Output(), "chat:", err)
		return c, err
	}
	return c, nil
}

// run serves until ctx ends, then lets requests finish and ends the sockets.
func run(ctx context.Context, c config) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	keys, err := chathttp.NewKeys(c.jwks, c.ca, log)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, c.data)
	if err != nil {
		return err
	}
	plain, err := listen(ctx, c.listen)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	l, err := encrypt(plain, c)
	if err != nil {
		return errors.Join(err, plain.Close(), store.Close())
	}
	go keys.Run(ctx)
	chat := chathttp.New(store, chathttp.NewVerifier(keys, c.issuer, c.audience, time.Now), log, time.Now)
	srv := &http.Server{
		Handler:           chat,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute, // an upload over a slow line
		WriteTimeout:      5 * time.Minute, // a download over one
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Fprintln(os.Stderr, "ready")

	select {
	case err = <-served:
		chat.CloseSockets(ctx)
	case <-ctx.Done():
		err = shutDown(srv, chat)
	}
	return errors.Join(err, store.Close())
}

func shutDown(srv *http.Server, chat *chathttp.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	requests := make(chan error, 1)
	go func() { requests <- srv.Shutdown(ctx) }()
	chat.CloseSockets(ctx)
	if err := <-requests; err != nil {
		return errors.Join(fmt.Errorf("waiting for requests: %w", err), srv.Close())
	}
	return nil
}

// listen takes host:port or unix/PATH. A socket file that a killed process left behind is replaced, one in use is not.
func listen(ctx context.Context, address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix/")
	if !unix {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if conn, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("%s is in use", path), conn.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}
