package body

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/protect/stream"
)

// form writes a form of fields and files: name, file's name ("" a field), value.
func form(t testing.TB, parts ...[3]string) (body []byte, header string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var dst io.Writer
		var err error
		if p[1] == "" {
			dst, err = w.CreateFormField(p[0])
		} else {
			dst, err = w.CreateFormFile(p[0], p[1])
		}
		if err == nil {
			_, err = io.WriteString(dst, p[2])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), "Content-Type: " + w.FormDataContentType()
}

// The file of a form is encrypted, the rest is as it was.
func TestTheFileOfAForm(t *testing.T) {
	g := newGateway(t)
	plain := string(text(big))
	body, typ := form(t, [3]string{"note", "", "hello"}, [3]string{"file", "a.png", plain})
	g.put("/f", bytes.NewReader(body), typ)
	r := http.Request{Method: "POST", Header: http.Header{"Content-Type": g.back.seen["Content-Type"]}, Body: io.NopCloser(bytes.NewReader(g.back.get("/f")))}
	if err := r.ParseMultipartForm(1 << 20); err != nil || r.FormValue("note") != "hello" {
		t.Fatal(r.Form, err)
	}
	f, info, err := r.FormFile("file")
	if err != nil || info.Filename != "a.png" || info.Header.Get("Content-Type") != "application/octet-stream" {
		t.Fatal(info, err)
	}
	sealed, err := io.ReadAll(f)
	if err != nil || info.Size != stream.SealedSize(big) {
		t.Fatal(info.Size, err)
	}
	g.back.set("/f", sealed)
	if a := g.do("GET", "/f", nil); string(a.body) != plain {
		t.Fatalf("%d, %d bytes", a.StatusCode, len(a.body))
	}
}

// None of it reaches the back end as something that it would store.
func TestUploadsAreRefused(t *testing.T) {
	g := newGateway(t)
	g.put("/f", strings.NewReader("x"))
	stolen := string(g.back.get("/f"))
	multi := func(parts ...[3]string) func() ([]byte, []string) {
		return func() ([]byte, []string) { b, h := form(t, parts...); return b, []string{h} }
	}
	raw := func(b string, headers ...string) func() ([]byte, []string) {
		return func() ([]byte, []string) { return []byte(b), headers }
	}
	file := [3]string{"file", "a", "x"}
	for name, make := range map[string]func() ([]byte, []string){
		"a stream that was encrypted here":    raw(stolen),
		"the same in a form":                  multi([3]string{"file", "a", stolen}),
		"a token in a field":                  multi([3]string{"note", "", "see enc:v1:abc:def"}, file),
		"a token in a field, in another case": multi([3]string{"note", "", "ENC:V1:abc:def"}, file),
		"a token for a name":                  multi([3]string{"enc:v1:a:b", "", "x"}, file),
		"a token for a file's name":           multi([3]string{"file", "enc:v1:a:b", "x"}),
		"two files":                           multi(file, file),
		"a file in another field":             multi([3]string{"other", "a", "x"}),
		"compressed":                          raw("x", "Content-Encoding: gzip"),
		"a part of a file":                    raw("x", "Content-Range: bytes 0-0/5"),
		"two types":                           raw("x", "Content-Type: text/plain", "Content-Type: multipart/form-data; boundary=a"),
		"another multipart":                   raw("--a\r\n\r\nx\r\n--a--", `Content-Type: multipart/form-data; boundary="a`),
		"a form cut off":                      raw("--a\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\nx", "Content-Type: multipart/form-data; boundary=a"),
	} {
		body, headers := make()
		g.back.set("/new", nil)
		if a := g.do("PUT", "/new", bytes.NewReader(body), headers...); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
		if len(g.back.get("/new")) > 0 {
			t.Errorf("%s: it was stored", name)
		}
	}
}

func TestABodyThatBreaksOffIsNotWhole(t *testing.T) {
	gone := errors.New("the client has gone")
	r, err := http.NewRequest("PUT", "/", io.MultiReader(bytes.NewReader(text(big)), errReader{gone}))
	if err != nil {
		t.Fatal(err)
	}
	up, err := Seal(r, Sealing{New: func(dst io.Writer) (io.WriteCloser, error) {
		return stream.NewSealer(dst, testHead, testKey, place("/"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if !errors.Is(err, gone) || !errors.Is(up.Fault(), gone) {
		t.Fatal(err, up.Fault())
	}
	o := stream.NewOpener(io.Discard, func(stream.Head) ([]byte, stream.Place, error) { return testKey, place("/"), nil })
	if _, err := o.Write(b); err != nil || o.Close() == nil {
		t.Fatal("what came of it is whole")
	}
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }
