package body

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/protect/stream"
)

const big = 3*stream.Segment + 1000

// The back end keeps a ciphertext; who asks gets the file, with the headers of a file.
func TestAFileComesBack(t *testing.T) {
	g := newGateway(t)
	for _, n := range []int{0, 1, 1000, stream.Segment, big} {
		plain := text(n)
		path := "/f" + strconv.Itoa(n)
		g.put(path, bytes.NewReader(plain), "Content-Type: image/png", "Digest: sha-256=y")
		stored := g.back.get(path)
		if n > 8 && bytes.Contains(stored, plain[:8]) || !stream.IsSealed(stored) {
			t.Fatalf("%d bytes: the back end has the plaintext", n)
		}
		if g.back.length != int64(len(stored)) || g.back.seen.Get("Digest") != "" || g.back.seen.Get("Content-Type") != "image/png" {
			t.Errorf("%d bytes: the back end was told of %d; it has %d: %v", n, g.back.length, len(stored), g.back.seen)
		}
		a := g.do("GET", path, nil)
		if a.err != nil || a.StatusCode != 200 || !bytes.Equal(a.body, plain) {
			t.Fatalf("%d bytes: %d, %d came back, %v", n, a.StatusCode, len(a.body), a.err)
		}
		want := fmt.Sprintf("image/png|%d|\"%s-gw\"||bytes|private, no-cache", n, path)
		if got := a.head("Content-Type", "Content-Length", "Etag", "Digest", "Accept-Ranges", "Cache-Control"); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
		h := g.do("HEAD", path, nil)
		if got := h.head("Content-Type", "Content-Length", "Etag", "Digest", "Accept-Ranges", "Cache-Control"); got != want || len(h.body) > 0 {
			t.Errorf("HEAD of %d bytes: %s, want %s", n, got, want)
		}
	}
}

func TestAChunkedUploadIsStored(t *testing.T) {
	g := newGateway(t)
	plain := text(big)
	g.put("/f", struct{ io.Reader }{bytes.NewReader(plain)})
	if a := g.do("GET", "/f", nil); !bytes.Equal(a.body, plain) {
		t.Fatalf("%d came back", len(a.body))
	}
}

func TestRanges(t *testing.T) {
	g := newGateway(t)
	plain := text(big)
	g.put("/f", bytes.NewReader(plain))
	g.put("/empty", bytes.NewReader(nil))
	etag, date := `"/f-gw"`, modified.Format(http.TimeFormat)
	for _, c := range []struct {
		path, asked, ifRange string
		status               int
		want, contentRange   string
	}{
		{"/f", "bytes=0-0", "", 206, string(plain[:1]), fmt.Sprintf("bytes 0-0/%d", big)},
		{"/f", "bytes=70000-140000", "", 206, string(plain[70000:140001]), fmt.Sprintf("bytes 70000-140000/%d", big)},
		{"/f", "bytes=190000-", "", 206, string(plain[190000:]), fmt.Sprintf("bytes 190000-%d/%d", big-1, big)},
		{"/f", fmt.Sprintf("bytes=%d-", big-10), "", 206, string(plain[big-10:]), fmt.Sprintf("bytes %d-%d/%d", big-10, big-1, big)},
		{"/f", "bytes=-10", "", 206, string(plain[big-10:]), fmt.Sprintf("bytes %d-%d/%d", big-10, big-1, big)},
		{"/f", "bytes=-99999999", "", 206, string(plain), fmt.Sprintf("bytes 0-%d/%d", big-1, big)},
		{"/f", "bytes=5-99999999", "", 206, string(plain[5:]), fmt.Sprintf("bytes 5-%d/%d", big-1, big)},
		{"/f", fmt.Sprintf("bytes=%d-", big), "", 416, "", fmt.Sprintf("bytes */%d", big)},
		{"/f", "bytes=-0", "", 416, "", fmt.Sprintf("bytes */%d", big)},
		{"/empty", "bytes=0-", "", 416, "", "bytes */0"},
		// What is not understood, or several ranges, is answered with the whole.
		{"/f", "bytes=0-1,5-6", "", 200, string(plain), ""},
		{"/f", "bytes=5-4", "", 200, string(plain), ""},
		{"/f", "lines=1-2", "", 200, string(plain), ""},
		{"/f", "bytes=+1-2", "", 200, string(plain), ""},
		{"/f", "bytes=99999999999999999999-", "", 200, string(plain), ""},
		// Of what was there before, no part is sent.
		{"/f", "bytes=0-1", etag, 206, string(plain[:2]), fmt.Sprintf("bytes 0-1/%d", big)},
		{"/f", "bytes=0-1", date, 206, string(plain[:2]), fmt.Sprintf("bytes 0-1/%d", big)},
		{"/f", "bytes=0-1", `"/f"`, 200, string(plain), ""},
		{"/f", "bytes=0-1", "W/" + etag, 200, string(plain), ""},
		{"/f", "bytes=0-1", "Thu, 01 Jan 1970 00:00:00 GMT", 200, string(plain), ""},
	} {
		headers := []string{"Range: " + c.asked}
		if c.ifRange != "" {
			headers = append(headers, "If-Range: "+c.ifRange)
		}
		a := g.do("GET", c.path, nil, headers...)
		if a.err != nil || a.StatusCode != c.status || string(a.body) != c.want || a.Header.Get("Content-Range") != c.contentRange || a.ContentLength != int64(len(c.want)) {
			t.Errorf("%s %s: %d, %d bytes of %d, %q, %v", c.asked, c.ifRange, a.StatusCode, len(a.body), a.ContentLength, a.Header.Get("Content-Range"), a.err)
		}
	}
	if ended := g.endings(); len(ended) > 0 {
		t.Errorf("answers ended early: %v", ended)
	}
}

func TestConditionalRequests(t *testing.T) {
	g := newGateway(t)
	g.put("/f", bytes.NewReader(text(1000)))
	for header, want := range map[string]int{
		`If-None-Match: "/f-gw"`:                 304,
		`If-None-Match: "a,b", W/"/f-gw"`:        304,
		`If-None-Match: *`:                       304,
		`If-None-Match: "/f"`:                    200, // a ciphertext's
		`If-None-Match: "other-gw"`:              200,
		`If-None-Match: garbage`:                 200,
		"If-Modified-Since: " + modifiedIn(0):    304,
		"If-Modified-Since: " + modifiedIn(-1):   200,
		`If-Match: "/f-gw"`:                      200,
		`If-Match: "/f"`:                         412,
		`If-Match: *`:                            200,
		"If-Unmodified-Since: " + modifiedIn(-1): 412,
	} {
		a := g.do("GET", "/f", nil, header)
		if a.StatusCode != want || want == 304 && (a.Header.Get("Etag") != `"/f-gw"` || a.Header.Get("Content-Length") != "") {
			t.Errorf("%s: %d %v", header, a.StatusCode, a.Header)
		}
	}
}

func modifiedIn(days int) string { return modified.AddDate(0, 0, days).Format(http.TimeFormat) }

// What is broken in its first segment is never begun; what is broken later ends, after the last good segment, and is seen to be cut off.
func TestWhatCantBeOpenedIsWithheld(t *testing.T) {
	g := newGateway(t)
	plain := text(big)
	g.put("/f", bytes.NewReader(plain))
	g.put("/other", bytes.NewReader(plain))
	good := g.back.get("/f")
	flip := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	swapped := slices.Concat(good[:stream.Segment], good[2*stream.Segment:3*stream.Segment], good[stream.Segment:2*stream.Segment], good[3*stream.Segment:])
	for name, c := range map[string]struct {
		stored []byte
		begun  bool
	}{
		"plaintext":               {plain, false},
		"nothing":                 {nil, false},
		"another file's":          {g.back.get("/other"), false},
		"a bit of the head":       {flip(12), false},
		"a bit of the beginning":  {flip(300), false},
		"a bit of the third":      {flip(2*stream.Segment + 5), true},
		"swapped segments":        {swapped, true},
		"cut at a segment's end":  {good[:2*stream.Segment], true},
		"cut within one":          {good[:2*stream.Segment+10], true},
		"cut within the first":    {good[:1000], false},
		"a byte too many":         {append(slices.Clone(good), 1), true},
		"the last byte is wanted": {good[:len(good)-1], true},
	} {
		g.back.set("/f", c.stored)
		for _, headers := range [][]string{nil, {"Range: bytes=0-"}} {
			a := g.do("GET", "/f", nil, headers...)
			switch {
			case !c.begun && (a.StatusCode != 502 || string(a.body) != "withheld\n"):
				t.Errorf("%s: %d, %d bytes", name, a.StatusCode, len(a.body))
			case c.begun && (a.err == nil || len(a.body) == 0 || len(a.body) == len(plain) || !bytes.HasPrefix(plain, a.body)):
				t.Errorf("%s: %d, %d bytes, %v", name, a.StatusCode, len(a.body), a.err)
			}
		}
	}
	if len(g.endings()) == 0 {
		t.Error("nobody was told")
	}
}

// What the back end answers besides files passes, and what can't be a file does not.
func TestOtherAnswers(t *testing.T) {
	g := newGateway(t)
	sealedBody := func() []byte {
		g.put("/f", bytes.NewReader(text(10)))
		return g.back.get("/f")
	}()
	for name, c := range map[string]struct {
		odd    http.HandlerFunc
		status int
		body   string
	}{
		"not found": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "none", 404) }, 404, "none\n"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusSeeOther) }, http.StatusSeeOther, ""},
		"encoded": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(sealedBody)
		}, 502, "withheld\n"},
		"a part that nobody asked for": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-9/100")
			w.WriteHeader(206)
			_, _ = w.Write(sealedBody)
		}, 502, "withheld\n"},
		"no length": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(sealedBody)
		}, 200, string(text(10))},
		"cut off at once": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(sealedBody[:50])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 502, "withheld\n"},
	} {
		g.back.behave(c.odd)
		client := *http.DefaultClient
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := client.Get(g.url + "/f")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.HasPrefix(string(b), c.body) {
			t.Errorf("%s: %d %q, %v", name, resp.StatusCode, b, err)
		}
	}
}

// With plain pass, what was stored before there was encryption still comes.
func TestPlainPasses(t *testing.T) {
	g := newGateway(t)
	g.plain = true
	for _, b := range [][]byte{nil, []byte("\xf1GW"), text(5), text(big)} {
		g.back.set("/old", b)
		a := g.do("GET", "/old", nil, "Range: bytes=1-2")
		if a.StatusCode != 200 || !bytes.Equal(a.body, b) || a.err != nil || a.Header.Get("Etag") != `"/old"` {
			t.Errorf("%d bytes: %d, %d came, %v %v", len(b), a.StatusCode, len(a.body), a.err, a.Header)
		}
	}
	g.put("/f", bytes.NewReader(text(100)))
	if a := g.do("GET", "/f", nil); !bytes.Equal(a.body, text(100)) {
		t.Error("what is encrypted does not come")
	}
	if a := g.do("HEAD", "/old", nil); a.Header.Get("Content-Length") != "" {
		t.Error("HEAD tells a length that nobody knows")
	}
}
