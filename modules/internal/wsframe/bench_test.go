package wsframe_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// echoFrames is a back end that costs as little as can be: it sends frames back, unmasked, without a library.
func echoFrames(b testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				br := bufio.NewReaderSize(conn, 1024)
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
				for {
					op, payload, err := readFrame(br)
					if err != nil {
						return
					}
					if _, err := conn.Write(frame(op, payload, false)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func open(b testing.TB, addr string) (net.Conn, *bufio.Reader) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	br := bufio.NewReaderSize(conn, 1024)
	if _, err := io.WriteString(conn, handshake); err != nil {
		b.Fatal(err)
	}
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		b.Fatal(resp, err)
	}
	return conn, br
}

// startBench runs Caddy with or without the tap, with one hook that lets everything pass.
func startBench(b testing.TB, tapped bool) string {
	g := &gate{ended: make(chan *reqctx.Request, 1<<14), conns: make(chan *wsframe.Conn, 1<<14)}
	current.attach = func(tap *wsframe.Tap) {
		tap.OnMessage(func(context.Context, *wsframe.Message) error { return nil })
	}
	current.gate = g
	if !tapped {
		g = nil
	}
	addr := startCaddy(b, g, echoFrames(b), false, "")
	b.Cleanup(func() { _ = caddy.Stop() })
	return addr
}

// BenchmarkMessage is the way of a message to the back end and back, through Caddy's reverse proxy, on 16 sockets.
func BenchmarkMessage(b *testing.B) {
	for _, size := range []int{200, 16 << 10} {
		for _, tapped := range []bool{false, true} {
			b.Run(strconv.Itoa(size)+"/tap="+strconv.FormatBool(tapped), func(b *testing.B) {
				addr := startBench(b, tapped)
				f := frame(1, strings.Repeat("x", size), true)
				b.SetParallelism(16 / runtime.GOMAXPROCS(0))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					conn, br := open(b, addr)
					defer conn.Close()
					for pb.Next() {
						if _, err := conn.Write(f); err != nil {
							b.Error(err)
							return
						}
						if _, _, err := readFrame(br); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkIdleSocket measures what a silent socket holds: heap and stacks of the whole process (client and back end
// included, the same for both), per socket.
func BenchmarkIdleSocket(b *testing.B) {
	for _, tapped := range []bool{false, true} {
		b.Run("tap="+strconv.FormatBool(tapped), func(b *testing.B) {
			addr := startBench(b, tapped)
			before := inUse()
			conns := make([]net.Conn, b.N)
			for i := range conns {
				conn, br := open(b, addr)
				conn.Write(frame(1, "hello", true))
				if _, _, err := readFrame(br); err != nil {
					b.Fatal(err)
				}
				conns[i] = conn
			}
			b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/socket")
			for _, c := range conns {
				c.Close()
			}
		})
	}
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
