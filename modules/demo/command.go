package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "demo",
		Usage: "[--listen 127.0.0.1:8443] [--data DIR] [--chat PATH]",
		Short: "Runs the gateway with everything embedded and the chat behind it",
		Long: `
Serves https://localhost:8443 with an in-memory store, SQLite, the policies of this
binary and a certificate authority of its own, and runs the chat behind it.

The first start makes four people, one per role, and writes their passwords and TOTP
secrets to DIR/credentials.json. A second start keeps people, rooms and messages.
SIGTERM ends the gateway and then the chat.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Flags().String("listen", "127.0.0.1:8443", "address to serve on")
			cmd.Flags().String("data", "demo-data", "folder for everything that is kept")
			cmd.Flags().String("chat", "", "the chat's binary (default: chat beside this one)")
			cmd.Args = host.NoArgs
			cmd.Example = "  convosphere demo\n  convosphere demo --listen 127.0.0.1:9443 --data /tmp/demo"
			cmd.RunE = caddycmd.WrapCommandFuncForCobra(run)
		},
	})
}

// startTimeout bounds each wait of the start, so that a demo that can't start says so.
const startTimeout = 60 * time.Second

func run(fl caddycmd.Flags) (int, error) {
	// The chat is told to end when the thread that started it ends (chat.go): keep this one for as long as the process lives.
	runtime.LockOSThread()
	caddy.TrapSignals()
	d, err := newDemo(fl.String("listen"), fl.String("data"), fl.String("chat"))
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout) // the command has no context of its own
	defer cancel()
	if err := d.start(ctx); err != nil {
		d.chat.stop(context.WithoutCancel(ctx))
		return caddy.ExitCodeFailedStartup, err
	}
	fmt.Fprintf(os.Stderr, "serving %s; people and their passwords are in %s\nready\n", d.url, d.path("credentials.json"))
	<-d.chat.done // a signal ends the process before: this is the chat ending by itself
	if d.chat.stopping.Load() {
		select {} // the signal's own goroutine ends the process
	}
	return caddy.ExitCodeFailedQuit, errors.New("the chat has ended by itself; its last words are above")
}

// demo is one run.
type demo struct {
	data, host, port, url string
	chat                  *chat
	lock                  *os.File // held for as long as the process lives
}

func (d *demo) path(name string) string { return filepath.Join(d.data, name) }

func newDemo(listen, data, chatBinary string) (*demo, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || port == "0" {
		return nil, fmt.Errorf("--listen %q: write an address and a port, as 127.0.0.1:8443", listen)
	}
	data, err = filepath.Abs(data)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if chatBinary == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding the chat: %w", err)
		}
		chatBinary = filepath.Join(filepath.Dir(exe), "chat")
	}
	if _, err := os.Stat(chatBinary); err != nil {
		return nil, fmt.Errorf("finding the chat (make build builds it; --chat names it): %w", err)
	}
	d := &demo{data: data, host: host, port: port, url: "https://localhost:" + port}
	if port == "443" {
		d.url = "https://localhost"
	}
	if d.lock, err = lock(d.path("demo.lock")); err != nil {
		return nil, err
	}
	// Caddy shares a busy port without a word (SO_REUSEPORT), and every second request would go to a stranger.
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	d.chat, err = newChat(chatBinary, d)
	return d, err
}

// lock refuses a folder that another demo is using.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("--data: another demo is using %s", filepath.Dir(path)), f.Close())
	}
	return f, nil
}

// start brings everything up, in the order in which one part needs another.
func (d *demo) start(ctx context.Context) error {
	first, people, err := d.seedPeople(ctx)
	if err != nil {
		return err
	}
	if err := d.loadGateway(); err != nil {
		return err
	}
	client, err := d.trust(ctx)
	if err != nil {
		return err
	}
	if err := d.chat.start(ctx); err != nil {
		return err
	}
	caddy.OnExit(d.chat.stop) // after the gateway has stopped: it loses no request
	if !first {
		return nil
	}
	if err := d.seedRooms(ctx, client, people); err != nil {
		return err
	}
	return d.finishPeople(ctx, people)
}
