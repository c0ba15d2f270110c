package reframe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"testing/iotest"
)

const boundary = "b0undary"

var formType = "multipart/form-data; boundary=" + boundary

// form writes parts, each a head and a value, with the line end of the standard.
func form(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		fmt.Fprintf(&b, "--%s\r\n%s\r\n\r\n%s\r\n", boundary, parts[i], parts[i+1])
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// shout makes files upper case as they pass, and leaves values alone.
func shout(p *Part, dst io.Writer) (io.WriteCloser, error) {
	if !p.IsFile {
		return nil, nil
	}
	return upper{dst}, nil
}

type upper struct{ io.Writer }

func (u upper) Write(p []byte) (int, error) { return u.Writer.Write(bytes.ToUpper(p)) }
func (u upper) Close() error                { _, err := io.WriteString(u.Writer, "!"); return err }

type read struct{ name, file, typ, value string }

// parts reads a form as Go's own reader does.
func parts(body io.Reader, contentType string) (list []read, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		v, err := io.ReadAll(p)
		if err != nil {
			return list, err
		}
		list = append(list, read{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(v)})
	}
}

func TestPartsAreChangedAndWrittenAnew(t *testing.T) {
	text := "preamble\r\n" + form(
		`Content-Disposition: form-data; name="note"`, "as it is",
		"Content-Disposition: form-data; name=\"file\"; filename=\"a \xc3\xa4.txt\"\r\nContent-Type: text/plain\r\nX-Odd: 1", "some\r\n--text",
		`content-disposition: form-data; name=e; filename=""`, "",
	) + "epilogue"
	f, err := New(iotest.OneByteReader(strings.NewReader(text)), formType, shout)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parts(bytes.NewReader(body), f.ContentType())
	want := []read{{"note", "", "", "as it is"}, {"file", "a ä.txt", "text/plain", "SOME\r\n--TEXT!"}, {"e", "", "", "!"}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, s := range []string{"preamble", "epilogue", "X-Odd", boundary} {
		if bytes.Contains(body, []byte(s)) {
			t.Errorf("%s has passed", s)
		}
	}
}

// What servers read differently is refused, or comes out so that they don't.
func TestOddFormsAreRefused(t *testing.T) {
	good := `Content-Disposition: form-data; name="a"`
	for name, c := range map[string]struct{ typ, text string }{
		"no form":                   {"application/json", "{}"},
		"no boundary":               {"multipart/form-data", form(good, "x")},
		"two boundaries":            {formType + "; boundary=other", form(good, "x")},
		"a boundary too long":       {"multipart/form-data; boundary=" + strings.Repeat("a", 71), ""},
		"nothing":                   {formType, ""},
		"cut off":                   {formType, form(good, "x")[:60]},
		"its last boundary missing": {formType, strings.TrimSuffix(form(good, "x"), "--"+boundary+"--\r\n")},
		"no disposition":            {formType, form("Content-Type: text/plain", "x")},
		"two dispositions":          {formType, form(good+"\r\n"+good, "x")},
		"two types":                 {formType, form(good+"\r\nContent-Type: text/plain\r\nContent-Type: text/html", "x")},
		"an attachment":             {formType, form(`Content-Disposition: attachment; name="a"`, "x")},
		"no name":                   {formType, form(`Content-Disposition: form-data; filename="a"`, "x")},
		"an empty name":             {formType, form(`Content-Disposition: form-data; name=""`, "x")},
		"two names":                 {formType, form(`Content-Disposition: form-data; name="a"; name="b"`, "x")},
		"two file names":            {formType, form(good+`; filename="a"; filename="b"`, "x")},
		"a quote in the name":       {formType, form(`Content-Disposition: form-data; name="a\"b"`, "x")},
		"a backslash in the name":   {formType, form(`Content-Disposition: form-data; name="a\\b"`, "x")},
		"a name that is not UTF-8":  {formType, form("Content-Disposition: form-data; name=\"\xff\"", "x")},
		"base64":                    {formType, form(good+"\r\nContent-Transfer-Encoding: base64", "eA==")},
		"quoted-printable":          {formType, form(good+"\r\nContent-Transfer-Encoding: quoted-printable", "=41")},
		"a form in the form":        {formType, form(good+"\r\nContent-Type: multipart/mixed; boundary=c", "--c\r\n\r\nx\r\n--c--")},
		"a head too long":           {formType, form(good+"\r\nX-Long: "+strings.Repeat("a", maxHead), "x")},
		"too many parts":            {formType, form(strings.Split(strings.Repeat(good+"|x|", maxParts+1), "|")[:2*maxParts+2]...)},
	} {
		f, err := New(strings.NewReader(c.text), c.typ, shout)
		if err == nil {
			_, err = io.ReadAll(f)
		}
		var bad *Error
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file's name comes out as browsers write it, so that no server finds the end of it elsewhere.
func TestNamesOfFilesAreQuoted(t *testing.T) {
	for in, want := range map[string]string{
		`filename="a\"; name=\"b"`:  `a%22; name=%22b`,
		`filename="c:\\x"`:          `c:%5Cx`,
		`filename*=UTF-8''a%0D%0Ab`: `a%0D%0Ab`,
		`filename="a%22b"`:          `a%22b`,
	} {
		f, err := New(strings.NewReader(form(`Content-Disposition: form-data; name="f"; `+in, "x")), formType, shout)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(f)
		if err != nil || !strings.Contains(string(body), `name="f"; filename="`+want+`"`+"\r\n") {
			t.Errorf("%s: %q, %v", in, body, err)
		}
	}
}

func TestErrorsOfTheBodyStayWhatTheyAre(t *testing.T) {
	gone := errors.New("the client has gone")
	text := form(`Content-Disposition: form-data; name="f"; filename="f"`, strings.Repeat("x", 100_000))
	for _, n := range []int{0, 20, 5000, 90_000} {
		f, err := New(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(gone)), formType, shout)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(f); !errors.Is(err, gone) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestALongFileTakesNoMemory(t *testing.T) {
	const size = 32 << 20
	file := io.LimitReader(zeros{}, size)
	head := form(`Content-Disposition: form-data; name="f"; filename="f"`, "|")
	before, after, _ := strings.Cut(head, "|")
	f, err := New(io.MultiReader(strings.NewReader(before), file, strings.NewReader(after)), formType, shout)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, f)
	if err != nil || n < size || f.out.Cap() > 4*chunk {
		t.Fatalf("%d bytes, %v; %d were held", n, err, f.out.Cap())
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestValue(t *testing.T) {
	var out bytes.Buffer
	v := NewValue(&out, 10, func(b []byte) ([]byte, error) { return append(b, '!'), nil })
	_, err := v.Write([]byte("12345"))
	_, err2 := v.Write([]byte("67890"))
	if err = errors.Join(err, err2, v.Close()); err != nil || out.String() != "1234567890!" {
		t.Fatal(out.String(), err)
	}
	if _, err = v.Write([]byte("1")); err == nil {
		t.Fatal("it holds more than it may")
	}
}

// FuzzForm: what comes out is read by others exactly as it was read here.
func FuzzForm(f *testing.F) {
	f.Add(form(`Content-Disposition: form-data; name="a"`, "x", `Content-Disposition: form-data; name="f"; filename="n"`, "y"))
	f.Add("--b0undary\nContent-Disposition: form-data; name=a\n\nx\n--b0undary--")
	f.Add("--b0undary--")
	f.Add(form(`Content-Disposition: form-data; name="a"; filename*=UTF-8''%22%0d`, "x"))
	f.Fuzz(func(t *testing.T, text string) {
		var seen []read
		form, err := New(strings.NewReader(text), formType, func(p *Part, _ io.Writer) (io.WriteCloser, error) {
			seen = append(seen, read{name: p.Name, typ: p.Type})
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(form)
		if err != nil {
			return
		}
		before, err := parts(strings.NewReader(text), formType)
		if err != nil {
			t.Fatalf("Go reads it not: %v", err)
		}
		after, err := parts(bytes.NewReader(body), form.ContentType())
		if err != nil || len(after) != len(seen) || len(after) != len(before) {
			t.Fatalf("%d parts, %d before, %d were seen, %v", len(after), len(before), len(seen), err)
		}
		for i, p := range after {
			if p.name != seen[i].name || p.typ != seen[i].typ || p.value != before[i].value {
				t.Fatalf("%q, was %q", p, seen[i])
			}
		}
	})
}
