package wsframe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// sink is a client connection that takes everything.
type sink struct {
	net.Conn
	mu  sync.Mutex
	got bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(b)
}
func (s *sink) Close() error                     { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// bench is a socket whose two directions are fed by hand.
type bench struct {
	*Conn
	client sink
	server bytes.Buffer
	seen   []Message
}

func newBench(limits Limits, hooks ...Hook) *bench {
	b := &bench{}
	tap := &Tap{ctx: context.Background(), rc: &reqctx.Request{}, limits: limits}
	tap.OnMessage(func(_ context.Context, m *Message) error {
		b.seen = append(b.seen, Message{m.Dir, m.Binary, bytes.Clone(m.Data)})
		return nil
	})
	for _, h := range hooks {
		tap.OnMessage(h)
	}
	b.Conn = newConn(tap, &b.client, bufio.NewReadWriter(bufio.NewReader(strings.NewReader("")), bufio.NewWriter(nil)))
	b.in.dst = &b.server
	return b
}

func (b *bench) half(d Direction) *half {
	if d == In {
		return &b.in
	}
	return &b.out
}

// passed is what reached the other side of a direction, once the socket has ended.
func (b *bench) passed(d Direction) []byte {
	if d == In {
		return b.server.Bytes()
	}
	return b.client.got.Bytes()
}

// wireFrame is a frame as the tests write and read them.
type wireFrame struct {
	fin     bool
	rsv     byte
	op      byte
	masked  bool
	payload []byte
}

// encode writes a frame, on its own terms: nothing of it is shared with the package.
func encode(f wireFrame) []byte {
	b := []byte{f.op | f.rsv<<4, 0}
	if f.fin {
		b[0] |= 0x80
	}
	switch n := len(f.payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 65536:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if !f.masked {
		return append(b, f.payload...)
	}
	b[1] |= 0x80
	k := []byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, k...)
	for i, c := range f.payload {
		b = append(b, c^k[i%4])
	}
	return b
}

var errShort = errors.New("short")

// decode reads a frame, on its own terms.
func decode(b []byte) (f wireFrame, n int, err error) {
	if len(b) < 2 {
		return f, 0, errShort
	}
	f.fin, f.rsv, f.op, f.masked = b[0]&0x80 != 0, b[0]>>4&7, b[0]&15, b[1]&0x80 != 0
	size, n := uint64(b[1]&0x7F), 2
	switch size {
	case 126:
		if len(b) < 4 {
			return f, 0, errShort
		}
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return f, 0, errShort
		}
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	}
	var k []byte
	if f.masked {
		if len(b) < n+4 {
			return f, 0, errShort
		}
		k, n = b[n:n+4], n+4
	}
	if uint64(len(b)-n) < size {
		return f, 0, errShort
	}
	f.payload = bytes.Clone(b[n : n+int(size)])
	for i := range f.payload {
		if f.masked {
			f.payload[i] ^= k[i%4]
		}
	}
	return f, n + int(size), nil
}

// decodeAll reads frames up to the end; anything left over is an error.
func decodeAll(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte) []wireFrame {
	t.Helper()
	var frames []wireFrame
	for len(b) > 0 {
		f, n, err := decode(b)
		if err != nil {
			t.Fatalf("%d bytes that are no frame: %x", len(b), b[:min(len(b), 64)])
		}
		frames = append(frames, f)
		b = b[n:]
	}
	return frames
}

// closeCode of the last frame, 0 if that is no close frame.
func closeCode(frames []wireFrame) int {
	if len(frames) == 0 || frames[len(frames)-1].op != opClose || len(frames[len(frames)-1].payload) < 2 {
		return 0
	}
	return int(binary.BigEndian.Uint16(frames[len(frames)-1].payload))
}

// over waits until a closing that was begun has written its frames, and ends the socket.
func (b *bench) over(t testing.TB) {
	t.Helper()
	b.herald.Wait()
	b.end()
}
