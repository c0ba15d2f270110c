package kept

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestBody(t *testing.T) {
	left := 0
	b := New([]byte("begin, "), io.NopCloser(iotest.OneByteReader(strings.NewReader("rest"))), func() { left++ })
	if n, err := b.Read(make([]byte, 3)); n != 3 || err != nil || left != 0 {
		t.Error(n, err, left)
	}
	if text, err := io.ReadAll(b); string(text) != "in, rest" || err != nil || left != 1 {
		t.Errorf("%q %v, left %d", text, err, left)
	}
	if err := b.Close(); err != nil || left != 2 {
		t.Error(err, left)
	}
}
