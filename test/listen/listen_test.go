package listen

import (
	"net"
	"testing"
)

func TestCount(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if n, err := Count(addr); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := Alone(addr); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := Count(addr); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := Count("localhost"); err == nil {
		t.Fatal("no address, and no error")
	}
}
