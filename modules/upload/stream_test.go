package upload

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// long is a body of so many bytes of text, that takes no memory. It notes the most heap that is in use while it is read.
type long struct {
	left int64
	peak uint64
}

func (l *long) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), l.left))
	for i := range p[:n] {
		p[i] = "streams. "[i%9]
	}
	if l.left/(32<<20) != (l.left-int64(n))/(32<<20) {
		l.look()
	}
	l.left -= int64(n)
	return n, nil
}

func (l *long) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.peak = max(l.peak, m.HeapAlloc)
}

// A long upload takes the memory of a short one. GW_UPLOAD=2GiB has it take long.
func TestLongUploadsStreamInLittleMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as gateways run
	size := int64(192 << 20)
	if s := os.Getenv("GW_UPLOAD"); s != "" {
		n, err := humanize.ParseBytes(s)
		if err != nil {
			t.Fatal(err)
		}
		size = int64(n)
	}
	h := provision(t, &Handler{Rules: Rules{MaxSize: size}, Spool: &Spool{Quota: 3 * size}})
	in, out := &long{left: size}, new(long)
	r := httptest.NewRequest(http.MethodPost, "/files", in)
	r.Header.Set("Content-Type", octets)
	r.ContentLength = -1
	runtime.GC()
	var passed int64
	err := h.ServeHTTP(httptest.NewRecorder(), r, nextFunc(func(_ http.ResponseWriter, r *http.Request) error {
		out.look()
		n, err := io.Copy(io.Discard, r.Body)
		out.look()
		passed = n
		return err
	}))
	if err != nil || passed != size {
		t.Fatalf("%d bytes of %d passed, %v", passed, size, err)
	}
	if peak := max(in.peak, out.peak); peak > 64<<20 {
		t.Errorf("%s took %s of heap", humanize.IBytes(uint64(size)), humanize.IBytes(peak))
	} else {
		t.Logf("%s took %s of heap", humanize.IBytes(uint64(size)), humanize.IBytes(peak))
	}
}

// What archives unpack to takes the room of who sent them: a client whose share is taken can't have more by packing it, and others' archives pass meanwhile.
func TestArchivesTakeTheRoomOfTheirSender(t *testing.T) {
	h := provision(t, &Handler{Spool: &Spool{Quota: 4 << 20, Free: 1}, Rules: Rules{MaxSize: 1 << 20}})
	var inner bytes.Buffer
	z := zip.NewWriter(&inner)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a.txt", Method: zip.Store})
	if err == nil {
		_, err = w.Write(bytes.Repeat([]byte("a"), 200<<10))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	archive := zipped(t, "a.zip", inner.String())
	if o := do(t, h, post("application/zip", archive)); !o.reached {
		t.Fatalf("with room: %d %s", o.status, o.answer)
	}
	r, rc := reqctx.Ensure(post("", ""))
	rc.Client.IP = netip.MustParseAddr("192.0.2.7") // as do has it
	for client, status := range map[string]int{rc.Caller(r): http.StatusServiceUnavailable, "another": http.StatusOK} {
		f, err := h.spool.New(client)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		if o := do(t, h, post("application/zip", archive)); o.status != status {
			t.Errorf("the room of %s is taken: %d, want %d: %s", client, o.status, status, o.answer)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What programs send to APIs under types that nobody here knows is no file with a wrong type.
func TestTypesOfOtherAPIsPass(t *testing.T) {
	h := provision(t, &Handler{})
	for kind, body := range map[string]string{
		"application/csp-report": `{"csp-report":{"blocked-uri":"inline"}}`, "application/x-amz-json-1.1": `{"a":1}`, "application/x-git-upload-pack-request": "0014command=ls-refs\n0000",
		"application/apply-patch+yaml": "kind: Pod\n", "application/vnd.ms-sync.wbxml": "\x03\x01\x6a\x00\x45", "application/x-thrift": "\x80\x01\x00\x01\x00\x00\x00\x01a",
	} {
		if o := do(t, h, post(kind, body)); !o.reached || o.body != body {
			t.Errorf("%s: %d %v", kind, o.status, o.findings)
		}
	}
}
