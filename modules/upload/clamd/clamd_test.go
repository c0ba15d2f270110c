package clamd

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/test/clamav"
)

// daemon is a real one, for all tests but those that take theirs away.
var daemon *clamav.Server

func TestMain(m *testing.M) {
	var err error
	if daemon, err = clamav.Start("StreamMaxLength 2M"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := daemon.Stop(); err != nil {
		panic(err)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}

func open(t *testing.T, o Options) *Scanner {
	t.Helper()
	if o.Address == "" {
		o.Address = daemon.TCP
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func scan(t *testing.T, s *Scanner, content []byte) (string, error) {
	t.Helper()
	v, err := s.Scan(t.Context(), bytes.NewReader(content), int64(len(content)))
	return v.Signature, err
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEICARIsFoundPlainZippedAndNested(t *testing.T) {
	once := zipped(t, "a.com", clamav.EICAR())
	for name, content := range map[string][]byte{
		"plain": clamav.EICAR(), "zipped": once, "nested": zipped(t, "b.zip", zipped(t, "a.zip", once)),
		"behind a megabyte": append(bytes.Repeat([]byte("harmless "), 120_000), clamav.EICAR()...),
	} {
		for _, address := range []string{daemon.TCP, daemon.Unix} {
			s := open(t, Options{Address: address})
			if got, err := scan(t, s, content); err != nil || got != clamav.Signature {
				t.Errorf("%s over %s: %q, %v", name, address, got, err)
			}
			if got, err := scan(t, s, []byte("clean")); err != nil || got != "" {
				t.Errorf("clean after %s: %q, %v", name, got, err)
			}
			if got, err := scan(t, s, nil); err != nil || got != "" {
				t.Errorf("nothing after %s: %q, %v", name, got, err)
			}
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	s := open(t, Options{})
	for range 20 {
		if _, err := scan(t, s, []byte("clean")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.idle[0].number; len(s.idle) != 1 || n != 20 {
		t.Errorf("%d connections, the first with %d scans, want one with 20", len(s.idle), n)
	}
}

func TestManyAtOnceGetTheirOwnVerdicts(t *testing.T) {
	s := open(t, Options{Connections: 3})
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			content, want := bytes.Repeat([]byte("clean"), i*100), ""
			if i%2 == 0 {
				content, want = append(content, clamav.EICAR()...), clamav.Signature
			}
			if v, err := s.Scan(t.Context(), bytes.NewReader(content), int64(len(content))); err != nil || v.Signature != want {
				t.Errorf("%d: %q, %v; want %q", i, v.Signature, err, want)
			}
		})
	}
	wait.Wait()
	if len(s.idle) > 3 {
		t.Errorf("%d connections, want at most 3", len(s.idle))
	}
}

// A verdict on the beginning of a file would be no verdict.
func TestWhatIsTooLongHasNoVerdict(t *testing.T) {
	if _, err := scan(t, open(t, Options{Limit: 10}), make([]byte, 11)); !errors.Is(err, ErrTooLong) {
		t.Errorf("over our limit: %v", err)
	}
	s := open(t, Options{Limit: 64 << 20})
	if _, err := scan(t, s, make([]byte, 8<<20)); !errors.Is(err, ErrTooLong) {
		t.Errorf("over the daemon's own limit, 2 MiB: %v", err)
	}
	if got, err := scan(t, s, clamav.EICAR()); err != nil || got != clamav.Signature {
		t.Errorf("after it: %q, %v", got, err)
	}
}

func TestContentThatCanNotBeReadHasNoVerdict(t *testing.T) {
	s := open(t, Options{})
	if _, err := s.Scan(t.Context(), strings.NewReader("short"), 10); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrDown) {
		t.Errorf("%v, want that it ended too early", err)
	}
	if !s.Up() {
		t.Error("the daemon is taken for gone")
	}
}

func TestLossAndReturn(t *testing.T) {
	own, err := clamav.Start()
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan bool, 8)
	s := open(t, Options{Address: own.TCP, Every: 100 * time.Millisecond, Changed: func(up bool) { changes <- up }})
	if got, err := scan(t, s, clamav.EICAR()); err != nil || got != clamav.Signature {
		t.Fatalf("%q, %v", got, err)
	}
	if err := own.Stop(); err != nil {
		t.Fatal(err)
	}
	// On the connection that was kept, and on new ones.
	if _, err := scan(t, s, clamav.EICAR()); !errors.Is(err, ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
	if <-changes {
		t.Error("told that it is back before it was lost")
	}
	if _, err := scan(t, s, []byte("clean")); !errors.Is(err, ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
	again, err := own.Again()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if !<-changes {
		t.Error("told twice that it is lost")
	}
	if got, err := scan(t, s, clamav.EICAR()); err != nil || got != clamav.Signature {
		t.Errorf("%q, %v", got, err)
	}
	if !strings.Contains(s.Version(), ".") {
		t.Errorf("version %q", s.Version())
	}
}

// A daemon that was started again has closed what was kept: nobody notices.
func TestARestartFailsNoScan(t *testing.T) {
	own, err := clamav.Start()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Address: own.TCP, Every: time.Hour})
	if _, err := scan(t, s, []byte("clean")); err != nil {
		t.Fatal(err)
	}
	for s.Version() == "" { // the first look is over, and does not meet the daemon while it is away
		time.Sleep(time.Millisecond)
	}
	if err := own.Stop(); err != nil {
		t.Fatal(err)
	}
	again, err := own.Again()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if got, err := scan(t, s, clamav.EICAR()); err != nil || got != clamav.Signature {
		t.Errorf("%q, %v", got, err)
	}
}

// silent takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "tcp://" + l.Addr().String()
}

func TestADaemonThatHangsIsAnError(t *testing.T) {
	s := open(t, Options{Address: silent(t), Timeout: 50 * time.Millisecond, Every: time.Hour})
	if _, err := scan(t, s, clamav.EICAR()); !errors.Is(err, ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
}

func TestARequestThatEndsTakesItsScanAlong(t *testing.T) {
	s := open(t, Options{Address: silent(t), Timeout: time.Hour, Every: time.Hour, Connections: 1})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := s.Scan(ctx, strings.NewReader("x"), 1)
		failed <- err
	}()
	for len(s.seats) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}

func TestWhoFindsNoConnectionIsToldSo(t *testing.T) {
	s := open(t, Options{Connections: 1, Queue: time.Millisecond})
	leave, err := s.seat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scan(t, s, []byte("clean")); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	leave()
	if _, err := scan(t, s, []byte("clean")); err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:3310", "tcp://", "tcp://:3310", "tcp://host", "unix://relative", "http://host:1"} {
		if _, _, err := ParseAddress(bad); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"1: stream: OK\x00", "1: stream: A.B FOUND\x00", "2: stream: OK\x00", "1: stream: OK", "INSTREAM size limit exceeded. ERROR\x00", "1: stream: OK\x00OK\x00", "1: x ERROR\x00", "1: stream: a\nb(44d8:68) FOUND\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		answer, err := readAnswer(bytes.NewReader(in), make([]byte, mostAnswer))
		if err != nil {
			return
		}
		v, err := parseVerdict(answer, 1)
		if err == nil && v.Signature == "" && answer != "1: stream: OK" {
			t.Errorf("%q is taken for clean", in)
		}
		if len(v.Signature) > mostSignature || v.Signature != tidy(v.Signature) {
			t.Errorf("a signature of other signs: %q", v.Signature)
		}
	})
}

func TestOnlyOKIsClean(t *testing.T) {
	for _, answer := range []string{"", "1: ", "1: stream: ", "1: stream: ok", "2: stream: OK", "stream: OK", "1: stream: Can't allocate memory ERROR", "1: UNKNOWN COMMAND"} {
		if v, err := parseVerdict(answer, 1); err == nil {
			t.Errorf("%q gives %+v", answer, v)
		}
	}
}
