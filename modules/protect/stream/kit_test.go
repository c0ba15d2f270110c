package stream

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

var (
	testKey   = bytes.Repeat([]byte{7}, 32)
	testHead  = Head{Set: "k3y", Version: 0x01020304}
	testPlace = Place{Tenant: "room/1", Record: "file/1", Field: "body"}
)

// find knows the one key, and says that the stream belongs to in.
func find(in Place) Find {
	return func(h Head) ([]byte, Place, error) {
		if h != testHead {
			return nil, Place{}, ErrBroken
		}
		return testKey, in, nil
	}
}

// bytesOf is a text that no segment repeats.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func sealed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := NewSealer(&b, testHead, testKey, testPlace)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// opened writes b in steps, and gives back what came out.
func opened(b []byte, step int, in Place) ([]byte, error) {
	var out bytes.Buffer
	o := NewOpener(&out, find(in))
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := o.Write(b[:n]); err != nil {
			return out.Bytes(), err
		}
		b = b[n:]
	}
	err := o.Close()
	return out.Bytes(), err
}

// tink is the same cipher as Tink has it, for what follows our own part of the head.
func tink(t testing.TB, own int) *subtle.AESGCMHKDF {
	t.Helper()
	a, err := subtle.NewAESGCMHKDF(testKey, "SHA256", 32, Segment, own)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
