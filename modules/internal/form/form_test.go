package form

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

const good = "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nline\r\n\r\n--\r\n--b--\r\n"

type field struct{ name, filename, kind, content string }

// read is the whole form.
func read(body io.Reader, boundary string, l Limits) ([]field, error) {
	r := NewReader(body, boundary, l)
	var all []field
	for {
		p, err := r.Next()
		if err == io.EOF {
			return all, nil
		} else if err != nil {
			return all, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return all, err
		}
		all = append(all, field{p.Name, p.Filename, p.Type, string(b)})
	}
}

func rule(err error) Rule {
	var e *Error
	if errors.As(err, &e) {
		return e.Rule
	}
	return ""
}

func TestReadsWhatClientsSend(t *testing.T) {
	want := []field{{"text", "", "", "hello"}, {"file", "a.txt", "text/plain", "line\r\n\r\n--"}}
	for name, body := range map[string]io.Reader{
		"whole": strings.NewReader(good), "byte by byte": iotest.OneByteReader(strings.NewReader(good)), "with its end": iotest.DataErrReader(strings.NewReader(good)),
		"without the last line end": strings.NewReader(strings.TrimSuffix(good, "\r\n")),
	} {
		got, err := read(body, "b", Limits{})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, head := range map[string]string{
		".NET":             "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=text",
		".NET's file":      "Content-Disposition: form-data; name=file; filename=a.txt; filename*=utf-8''a.txt",
		"Apache's client":  "Content-Disposition: form-data; name=\"text\"\r\nContent-Transfer-Encoding: binary",
		"Spring":           "Content-Disposition: form-data; name=\"text\"\r\nContent-Length: 2",
		"a browser's name": "Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22 ü;=.txt\"\r\nContent-Type: text/plain",
		"own headers":      "Content-Disposition: form-data; name=\"text\"\r\nX-Trace: 1",
	} {
		if _, err := read(strings.NewReader(part(head, "hi")), "b", Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read(strings.NewReader(part(`Content-Disposition: form-data; name="file"; filename=""`, "")), "b", Limits{}); err != nil {
		t.Errorf("an input without a choice: %v", err)
	}
}

func part(head, content string) string {
	return "--b\r\n" + head + "\r\n\r\n" + content + "\r\n--b--\r\n"
}

// Each body is read in two ways by parsers that are in use: a field or a file that one of them does not see is one that the gateway has
// not checked.
func TestRefusesWhatParsersReadDifferently(t *testing.T) {
	disposition := func(s string) string { return part("Content-Disposition: "+s, "x") }
	more := func(s string) string { return part("Content-Disposition: form-data; name=\"a\"\r\n"+s, "x") }
	content := func(s string) string { return part(`Content-Disposition: form-data; name="a"`, s) }
	for name, c := range map[string]struct {
		body string
		rule Rule
	}{
		"empty":                         {"", Preamble},
		"no part":                       {"--b--\r\n", Parts},
		"preamble":                      {"x\r\n" + good, Preamble},
		"an empty line before":          {"\r\n" + good, Preamble},
		"epilogue":                      {good + "x", Epilogue},
		"a part after the last":         {good + strings.TrimSuffix(good, "\r\n"), Epilogue},
		"truncated in a part":           {good[:70], Truncated},
		"truncated in a header":         {good[:30], Truncated},
		"truncated in a boundary":       {strings.TrimSuffix(good, "--\r\n"), Truncated},
		"white space after a boundary":  {strings.Replace(good, "--b\r\n", "--b \r\n", 1), Delimiter},
		"line feed after a boundary":    {strings.Replace(good, "--b\r\n", "--b\n", 1), Delimiter},
		"a longer boundary":             {content("x\r\n--bc\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n"), Delimiter},
		"line feed before a boundary":   {content("x\n--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ny"), Delimiter},
		"return before a boundary":      {content("x\r--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ny"), Delimiter},
		"boundary in a line":            {content("x--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ny"), Delimiter},
		"no line before a boundary":     {"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--b--\r\n", Delimiter},
		"line feeds in the header":      {"--b\r\nContent-Disposition: form-data; name=\"a\"\n\r\nx\r\n--b--", Header},
		"line feeds only":               {strings.ReplaceAll(good, "\r\n", "\n"), Delimiter},
		"folded header":                 {part("Content-Disposition: form-data; name=\"a\"\r\n ; filename=\"b\"", "x"), Header},
		"space before the colon":        {more("X-A : b"), Header},
		"no colon":                      {more("X-A"), Header},
		"NUL in a header":               {more("X-A: \x00"), Header},
		"return in a header":            {more("X-A: \rContent-Type: x/y"), Header},
		"header twice":                  {more("content-disposition: form-data; name=\"b\""), Header},
		"type twice":                    {more("Content-Type: a/b\r\ncontent-type: c/d"), Header},
		"no disposition":                {part("Content-Type: text/plain", "x"), Disposition},
		"no header":                     {"--b\r\n\r\nx\r\n--b--", Disposition},
		"attachment":                    {disposition(`attachment; name="a"; filename="b"`), Disposition},
		"no name":                       {disposition(`form-data`), Name},
		"empty name":                    {disposition(`form-data; name=""`), Name},
		"only a file name":              {disposition(`form-data; filename="a"`), Name},
		"name twice":                    {disposition(`form-data; name="a"; name="b"`), Disposition},
		"Name twice":                    {disposition(`form-data; name="a"; Name="b"`), Disposition},
		"name*":                         {disposition(`form-data; name="a"; name*=utf-8''b`), Disposition},
		"continued name":                {disposition(`form-data; name*0="a"; name*1="b"`), Disposition},
		"continued file name":           {disposition(`form-data; name="a"; filename*0="a."; filename*1="php"`), Disposition},
		"file name twice":               {disposition(`form-data; name="a"; filename="a.png"; filename="a.php"`), Disposition},
		"filename* that differs":        {disposition(`form-data; name="a"; filename="a.png"; filename*=utf-8''a.php`), Filename},
		"filename* alone":               {disposition(`form-data; name="a"; filename*=utf-8''a.php`), Filename},
		"filename* in latin 1":          {disposition(`form-data; name="a"; filename="a.png"; filename*=iso-8859-1''a.png`), Filename},
		"escaped quote":                 {disposition(`form-data; name="a\"; filename=\"b.php"; filename="c.png"`), Disposition},
		"quote left open":               {disposition(`form-data; name="a`), Disposition},
		"single quotes with a space":    {disposition(`form-data; name='a b'`), Disposition},
		"text after the quotes":         {disposition(`form-data; name="a"b; filename="c"`), Disposition},
		"no semicolon":                  {disposition(`form-data; name="a" filename="c"`), Disposition},
		"unknown parameter":             {disposition(`form-data; name="a"; size=1`), Disposition},
		"spaces at the sign":            {disposition(`form-data; name = "a"`), Disposition},
		"trailing semicolon":            {disposition(`form-data; name="a";`), Disposition},
		"name of other bytes":           {disposition("form-data; name=\"\xff\""), Name},
		"file name with a line end":     {disposition(`form-data; name="a"; filename="b%0d%0aX: y"`), Filename},
		"file name with NUL":            {disposition(`form-data; name="a"; filename="b.php%00.png"`), Filename},
		"_charset_":                     {part(`Content-Disposition: form-data; name="_charset_"`, "utf-7"), Name},
		"a field in UTF-7":              {more("Content-Type: text/plain; charset=utf-7"), Charset},
		"a field in UTF-16":             {more("Content-Type: text/plain; charset=utf-16le"), Charset},
		"base64":                        {more("Content-Transfer-Encoding: base64"), Encoding},
		"quoted-printable":              {more("Content-Transfer-Encoding: Quoted-Printable"), Encoding},
		"content encoding":              {more("Content-Encoding: gzip"), Header},
		"multipart/mixed":               {more("Content-Type: multipart/mixed; boundary=c"), Nested},
		"wrong length":                  {more("Content-Length: 2"), Length},
		"signed length":                 {more("Content-Length: +1"), Length},
		"a file without a name":         {disposition(`form-data; name="a"; filename=""`), Filename},
		"a header that is too long":     {more("X-A: " + strings.Repeat("a", 9<<10)), HeaderSize},
		"a header longer than a window": {more("X-A: " + strings.Repeat("a", 90<<10)), HeaderSize},
		"too many headers":              {more(many(16)), Header},
		"too many parts":                {strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n", 4) + "--b--", Parts},
	} {
		for kind, body := range map[string]io.Reader{"whole": strings.NewReader(c.body), "byte by byte": iotest.OneByteReader(strings.NewReader(c.body))} {
			if got, err := read(body, "b", Limits{Parts: 3}); rule(err) != c.rule {
				t.Errorf("%s, %s: read %q, %v, want it refused by %s", name, kind, got, err, c.rule)
			}
		}
		// What is refused stays so, also where the parts are not read.
		r := NewReader(strings.NewReader(c.body), "b", Limits{Parts: 3})
		err := error(nil)
		for err == nil {
			_, err = r.Next()
		}
		if c.rule != Filename && rule(err) != c.rule {
			t.Errorf("%s, skipped: %v, want %s", name, err, c.rule)
		}
		if _, again := r.Next(); again != err {
			t.Errorf("%s: then %v", name, again)
		}
	}
}

func many(n int) string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("X-%d: a", i))
	}
	return strings.Join(lines, "\r\n")
}

func TestBoundaryOf(t *testing.T) {
	for value, want := range map[string]string{
		"multipart/form-data; boundary=b":                                  "b",
		"Multipart/Form-Data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0": "----WebKitFormBoundary7MA4YWxkTrZu0",
		`multipart/form-data; Boundary="===============12=="`:              "===============12==",
		"multipart/form-data; charset=UTF-8; boundary=b":                   "b",
	} {
		if got, err := BoundaryOf([]string{value}); err != nil || got != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for value, want := range map[string]Rule{
		"text/plain": ContentType, "multipart/mixed; boundary=b": ContentType, "multipart/form-data": Boundary, "multipart/form-data; boundary=": Boundary,
		`multipart/form-data; boundary=""`: Boundary, "multipart/form-data; boundary=a; boundary=b": Boundary, "multipart/form-data; boundary=a, boundary=b": Boundary,
		`multipart/form-data; boundary="a\"b"`: Boundary, "multipart/form-data; boundary*=utf-8''b": ContentType, "multipart/form-data; boundary*0=a; boundary*1=b": ContentType,
		`multipart/form-data; boundary="a b"`: Boundary, "multipart/form-data; boundary=a b": Boundary, `multipart/form-data; boundary="a;b"`: Boundary,
		"multipart/form-data; boundary=b; charset=utf-7": ContentType, "multipart/form-data; boundary=b; x=y": ContentType, "multipart/form-data boundary=b": ContentType,
		"multipart/form-data; boundary=b;": Boundary, `multipart/form-data; boundary="b`: Boundary, "multipart/form-data; boundary=" + strings.Repeat("b", 71): Boundary,
		"multipart/form-data; boundary=b\x00": Boundary, `multipart/form-data; boundary='b c'`: Boundary, "multipart/form-data; boundary = b": Boundary,
	} {
		if got, err := BoundaryOf([]string{value}); rule(err) != want {
			t.Errorf("%s: %q, %v, want it refused by %s", value, got, err, want)
		}
	}
	for _, values := range [][]string{nil, {"multipart/form-data; boundary=a", "multipart/form-data; boundary=b"}} {
		if got, err := BoundaryOf(values); rule(err) != ContentType {
			t.Errorf("%q: %q, %v", values, got, err)
		}
	}
}

func TestErrorsOfTheBodyAreNotTheForms(t *testing.T) {
	broken := errors.New("connection reset")
	for n := range len(good) {
		_, err := read(io.MultiReader(strings.NewReader(good[:n]), iotest.ErrReader(broken)), "b", Limits{})
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func TestWriterKeepsTheForm(t *testing.T) {
	var out bytes.Buffer
	w, length := NewWriter(&out), int64(0)
	r, parts := NewReader(strings.NewReader(good), "b", Limits{}), 0
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if err := w.Part(p.Head); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(&out, p)
		if err != nil {
			t.Fatal(err)
		}
		length += n + int64(len(p.Head))
		parts++
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if length += Overhead(parts); length != int64(out.Len()) {
		t.Errorf("%d bytes, told before were %d", out.Len(), length)
	}
	boundary, err := BoundaryOf([]string{w.ContentType()})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := read(strings.NewReader(good), "b", Limits{})
	after, err := read(&out, boundary, Limits{})
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%q became %q, %v", before, after, err)
	}
}

// What is accepted here, the parser of Go's library reads the same.
func FuzzSameAsGo(f *testing.F) {
	f.Add("multipart/form-data; boundary=b", good)
	f.Add(`multipart/form-data; boundary="b"`, part("Content-Disposition: form-data; name=a; filename=\"b.c\"; filename*=utf-8''b.c\r\nContent-Type: a/b", "x\r\n--\r\n"))
	f.Add("multipart/form-data; charset=utf-8; boundary=b", part("content-disposition: form-data;name=\"a\"\r\nContent-Length: 1", "x"))
	f.Add("multipart/form-data; boundary=b", part("Content-Disposition: form-data; name=\"a\\\"b\"", "x\n--b\r\n"))
	f.Fuzz(func(t *testing.T, contentType, body string) {
		boundary, err := BoundaryOf([]string{contentType})
		if err != nil {
			return
		}
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil || params["boundary"] != boundary {
			t.Fatalf("%q: boundary %q, Go reads %q, %v", contentType, boundary, params["boundary"], err)
		}
		all, err := read(strings.NewReader(body), boundary, Limits{})
		if err != nil {
			return
		}
		theirs := multipart.NewReader(strings.NewReader(body), boundary)
		for i, p := range all {
			q, err := theirs.NextRawPart()
			if err != nil {
				t.Fatalf("part %d: Go says %v", i, err)
			}
			b, err := io.ReadAll(q)
			if err != nil {
				t.Fatalf("part %d: Go says %v", i, err)
			}
			_, params, err := mime.ParseMediaType(q.Header.Get("Content-Disposition"))
			if err != nil || q.FormName() != p.name || params["filename"] != p.filename || string(b) != p.content {
				t.Fatalf("part %d: %q, Go reads %q, %q, %q, %v", i, p, q.FormName(), params["filename"], b, err)
			}
		}
		if _, err := theirs.NextRawPart(); err != io.EOF {
			t.Fatalf("after %d parts Go says %v", len(all), err)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	body := part(`Content-Disposition: form-data; name="file"; filename="a"`, strings.Repeat("0123456789abcde\n", 1<<16))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := NewReader(strings.NewReader(body), "b", Limits{}).Next()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
