package jsonstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

func paths(t testing.TB, texts ...string) (out []Path) {
	t.Helper()
	for _, text := range texts {
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// good keeps elements whose first field is a scalar that begins with g.
func good(fields []Field) (bool, error) {
	s, ok := fields[0].Scalar()
	if !ok {
		return false, errors.New("no name")
	}
	return strings.HasPrefix(s, "g"), nil
}

// run sends a document in pieces of so many bytes.
func run(document []byte, size int, list string, masks ...string) (out []byte, err error) {
	var f *Filter
	if list != "-" {
		p, err := ParsePath(list)
		if err != nil {
			return nil, err
		}
		f = NewFilter(p, []Path{{"id"}})
	}
	m, err := NewMasks(masks)
	if err != nil {
		return nil, err
	}
	s := New(f, m, func(fields []Field) (bool, *Masks, error) {
		keep, err := good(fields)
		return keep, nil, err
	}, 1<<20)
	for len(document) > 0 {
		n := min(size, len(document))
		if err := s.Write(document[:n]); err != nil {
			return append(out, s.Take()...), err
		}
		out = append(out, s.Take()...)
		document = document[n:]
	}
	err = s.Close()
	return append(out, s.Take()...), err
}

func TestFilter(t *testing.T) {
	for _, c := range []struct{ list, in, out string }{
		{"rooms", `{"rooms":[]}`, `{"rooms":[]}`},
		{"rooms", `{"rooms":[{"id":"bad"}]}`, `{"rooms":[]}`},
		{"rooms", ` { "x" : 1.50 , "rooms" : [ {"id":"g1", "n":1e5} , {"id":"b"},{"id":"\u0067"} ] , "y":[{"id":"b"}] } `, ` { "x" : 1.50 , "rooms" : [{"id":"g1", "n":1e5},{"id":"\u0067"}] , "y":[{"id":"b"}] } `},
		{".", ` [ {"id":"b"} , {"id":"g","x":[[],{}]} ] `, ` [{"id":"g","x":[[],{}]}] `},
		{"/a.b/c~1d", `{"a.b":{"c/d":[{"id":"b"},{"id":"g"}]}}`, `{"a.b":{"c/d":[{"id":"g"}]}}`},
		{"a.b", `{"a":{"z":[{"id":"b"}],"b":[{"id":"b"},{"id":"g"}],"c":null}}`, `{"a":{"z":[{"id":"b"}],"b":[{"id":"g"}],"c":null}}`},
		{"/1/b", `[[],{"b":[{"id":"b"}]}]`, `[[],{"b":[]}]`},
		{"rooms", `{"rooms":[{"id":"g","rooms":[{"id":"b"}]},{"sub":{"id":"g"},"id":"b"}]}`, `{"rooms":[{"id":"g","rooms":[{"id":"b"}]}]}`},
	} {
		for size := 1; size <= len(c.in); size++ {
			if out, err := run([]byte(c.in), size, c.list); err != nil || string(out) != c.out {
				t.Fatalf("%s in pieces of %d\n gives %s %v\n want  %s", c.in, size, out, err, c.out)
			}
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ masks, in, out string }{
		{"email", `{"email":"x","name":"n"}`, `{"email":null,"name":"n"}`},
		{"email", `[{"email":"x"},{"email":{"a":[1,2]}},{"n":[{"email":1}]}]`, `[{"email":null},{"email":null},{"n":[{"email":1}]}]`},
		{"author.email", `{"author":{"email":-1.5e3},"authors":{"email":1}}`, `{"author":{"email":null},"authors":{"email":1}}`},
		{"messages.author.email", `{"messages":[{"author":{"email":"a"}},{"author":[[{"email":true}]]}]}`, `{"messages":[{"author":{"email":null}},{"author":[[{"email":null}]]}]}`},
		{"/e.mail /a~1b", `{"e.mail":1,"a/b":[],"e":{"mail":1}}`, `{"e.mail":null,"a/b":null,"e":{"mail":1}}`},
		{"email", `{"Email":1,"EMAIL":2,"\u0065mail":3,"e-mail":4}`, `{"Email":null,"EMAIL":null,"\u0065mail":null,"e-mail":4}`},
		{"kelvin", "{\"\u212aelvin\":1}", "{\"\u212aelvin\":null}"},
		{"a a.b", `{"a":{"b":1,"c":2}}`, `{"a":null}`},
		{"A.x a.y", `{"a":{"x":1,"y":2,"z":3}}`, `{"a":{"x":null,"y":null,"z":3}}`},
		{".", ` {"a":1} `, ` null `},
		{".", `15`, `null`},
		{"a", `15`, `15`},
		{"a", `{"a" : 1 ,"b":{"a":2}}`, `{"a" : null ,"b":{"a":2}}`},
		{"x", `{"a":"é\u00e9\ud83d\ude00\n"}`, `{"a":"é\u00e9\ud83d\ude00\n"}`},
	} {
		for size := 1; size <= len(c.in); size++ {
			if out, err := run([]byte(c.in), size, "-", strings.Fields(c.masks)...); err != nil || string(out) != c.out {
				t.Fatalf("%s in pieces of %d\n gives %s %v\n want  %s", c.in, size, out, err, c.out)
			}
		}
	}
}

func TestFilterAndMask(t *testing.T) {
	in := `{"rooms":[{"id":"g","key":"s","o":{"key":1}},{"id":"b","key":"s"}],"key":"t"}`
	for masks, want := range map[string]string{
		"rooms.key":          `{"rooms":[{"id":"g","key":null,"o":{"key":1}}],"key":"t"}`,
		"rooms.id":           `{"rooms":[{"id":null,"key":"s","o":{"key":1}}],"key":"t"}`,
		"rooms":              `{"rooms":null,"key":"t"}`,
		"key rooms.o.key":    `{"rooms":[{"id":"g","key":"s","o":{"key":null}}],"key":null}`,
		"rooms.id.x Rooms.O": `{"rooms":[{"id":"g","key":"s","o":null}],"key":"t"}`,
	} {
		for size := 1; size <= len(in); size++ {
			if out, err := run([]byte(in), size, "rooms", strings.Fields(masks)...); err != nil || string(out) != want {
				t.Fatalf("%s in pieces of %d\n gives %s %v\n want  %s", masks, size, out, err, want)
			}
		}
	}
}

// An element can be masked in its own way.
func TestElementsAreMaskedOneByOne(t *testing.T) {
	m, err := NewMasks([]string{"key"})
	if err != nil {
		t.Fatal(err)
	}
	s := New(NewFilter(Path{"rooms"}, paths(t, "id")), nil, func(fields []Field) (bool, *Masks, error) {
		if fields[0].Text == "g1" {
			return true, m, nil
		}
		return true, nil, nil
	}, 1<<20)
	if err := s.Write([]byte(`{"rooms":[{"id":"g1","key":1},{"id":"g2","key":2}]}`)); err != nil {
		t.Fatal(err)
	}
	if out := string(s.Take()); out != `{"rooms":[{"id":"g1","key":null},{"id":"g2","key":2}]}` {
		t.Error(out)
	}
}

// What can be read in two ways, or is not what it should be, ends it; and nothing that was refused is out by then.
func TestFailsClosed(t *testing.T) {
	for name, in := range map[string]string{
		"empty":              ``,
		"space":              `  `,
		"no list":            `{"items":[{"id":"leak"}]}`,
		"an object":          `{"rooms":{"id":"leak"}}`,
		"a string":           `{"rooms":"leak"}`,
		"null":               `{"rooms":null}`,
		"a number":           `{"rooms":12}`,
		"a list of lists":    `[{"rooms":[]}]`,
		"twice":              `{"rooms":[],"rooms":[{"id":"leak"}]}`,
		"twice, escaped":     `{"rooms":[],"\u0072ooms":[{"id":"leak"}]}`,
		"capitals after":     `{"rooms":[],"Rooms":[{"id":"leak"}]}`,
		"capitals before":    `{"ROOMS":[],"rooms":[{"id":"leak"}]}`,
		"id twice":           `{"rooms":[{"id":"g","id":"leak"}]}`,
		"id in capitals":     `{"rooms":[{"id":"g","ID":"leak"}]}`,
		"no id":              `{"rooms":[{"name":"leak"}]}`,
		"id an object":       `{"rooms":[{"id":{"x":"leak"}}]}`,
		"id a fraction":      `{"rooms":[{"id":1.5,"x":"leak"}]}`,
		"element a string":   `{"rooms":["leak"]}`,
		"two documents":      `{"rooms":[]}{"rooms":[{"id":"leak"}]}`,
		"cut off":            `{"rooms":[{"id":"g"}`,
		"cut in a string":    `{"rooms":[{"id":"g"}],"x":"`,
		"half a surrogate":   `{"rooms":[{"id":"\ud800","x":"leak"}]}`,
		"low half alone":     `{"rooms":[{"id":"\udc00","x":"leak"}]}`,
		"half, then another": `{"rooms":[{"id":"\ud800\u0041","x":"leak"}]}`,
		"not UTF-8":          "{\"rooms\":[],\"x\":\"\xff\"}",
		"overlong":           "{\"rooms\":[],\"x\":\"\xc0\xaf\"}",
		"half a rune":        "{\"rooms\":[],\"x\":\"\xe2\x82\"}",
		"encoded half":       "{\"rooms\":[],\"x\":\"\xed\xa0\x80\"}",
		"above Unicode":      "{\"rooms\":[],\"x\":\"\xf4\x90\x80\x80\"}",
		"control":            "{\"rooms\":[],\"x\":\"\x01\"}",
		"comma at the end":   `{"rooms":[{"id":"g"},]}`,
		"comma in an object": `{"rooms":[],}`,
		"comment":            `{"rooms":[]/**/}`,
		"bare name":          `{rooms:[]}`,
		"quote":              `{'rooms':[]}`,
		"leading zero":       `{"x":01,"rooms":[]}`,
		"plus":               `{"x":+1,"rooms":[]}`,
		"no fraction":        `{"x":1.,"rooms":[]}`,
		"no exponent":        `{"x":1e,"rooms":[]}`,
		"minus":              `{"x":-,"rooms":[]}`,
		"hexadecimal":        `{"x":0x1,"rooms":[]}`,
		"NaN":                `{"x":NaN,"rooms":[]}`,
		"capital word":       `{"x":True,"rooms":[]}`,
		"half a word":        `{"x":tru,"rooms":[]}`,
		"escape":             `{"x":"\x","rooms":[]}`,
		"BOM":                "\ufeff{\"rooms\":[]}",
		"too deep":           `{"rooms":[],"x":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`,
		"a bracket too many": `{"rooms":[]]}`,
		"other bracket":      `{"rooms":[}]`,
		"long name":          `{"rooms":[],"` + strings.Repeat("x", maxText+1) + `":1}`,
		"long id":            `{"rooms":[{"id":"` + strings.Repeat("g", maxText+1) + `"}]}`,
		"long number":        `{"rooms":[{"id":` + strings.Repeat("1", maxText+1) + `}]}`,
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			out, err := run([]byte(in), size, "rooms")
			if err == nil || bytes.Contains(out, []byte("leak")) && name != "no list" {
				t.Errorf("%s, in pieces of %d: %v %s", name, size, err, out)
			}
		}
	}
}

// Before the list has been found, nobody knows that the document is what it should be.
func TestListed(t *testing.T) {
	s := New(NewFilter(Path{"rooms"}, paths(t, "id")), nil, nil, 1<<20)
	if err := s.Write([]byte(`{"items":[{"id":"leak"}],"rooms":`)); err != nil || s.Listed() {
		t.Error(err, s.Listed())
	}
	if err := s.Write([]byte(`[`)); err != nil || !s.Listed() {
		t.Error(err, s.Listed())
	}
	if !New(nil, nil, nil, 0).Listed() {
		t.Error("without a filter it waits for ever")
	}
}

// A document of any size needs memory for one element.
func TestMemoryIsBounded(t *testing.T) {
	s := New(NewFilter(Path{"rooms"}, paths(t, "id")), nil, func(f []Field) (bool, *Masks, error) { return f[0].Text == "g", nil, nil }, 1<<10)
	send := func(text string) error {
		err := s.Write([]byte(text))
		s.Take()
		return err
	}
	if err := send(`{"rooms":[{"id":"g"}`); err != nil {
		t.Fatal(err)
	}
	for range 200_000 {
		if err := send(`,{"id":"g","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},{"id":"b"}`); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(s.out) + cap(s.element) + cap(s.names.text) + 8*cap(s.names.ends) + cap(s.text); n > 64<<10 {
		t.Errorf("%d bytes are held", n)
	}
	if kept, removed := s.Counts(); kept != 200_001 || removed != 200_000 {
		t.Error(kept, removed)
	}
	// An element that is larger than may be held ends it, whether it comes at once or little by little.
	if err := send(`,{"id":"` + strings.Repeat("x", 2<<10) + `"}`); !errors.Is(err, errElement) {
		t.Error(err)
	}
	// So does an object of more names than may be held.
	s = New(nil, nil, nil, 0)
	err := s.Write([]byte(`{"x":0`))
	for i := 0; err == nil && i < 2*maxNames; i++ {
		err = s.Write(fmt.Appendf(nil, `,"x%d":0`, i))
		s.Take()
	}
	if !errors.Is(err, errMany) {
		t.Error(err)
	}
}

func TestErrorsLast(t *testing.T) {
	s := New(nil, nil, nil, 0)
	if s.Write([]byte(`]`)) == nil || s.Write([]byte(`{}`)) == nil || s.Close() == nil {
		t.Error("it recovers")
	}
}

func TestPaths(t *testing.T) {
	for text, want := range map[string]string{
		".": "[]", "": "[]", "a": `["a"]`, "a.b": `["a","b"]`, "/a": `["a"]`, "/a~1b/c~0d/~01": `["a/b","c~d","~1"]`, "/": `[""]`, "/a.b": `["a.b"]`,
	} {
		p, err := ParsePath(text)
		if got, _ := json.Marshal(append([]string{}, p...)); err != nil || string(got) != want {
			t.Errorf("%q: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"a..b", ".a", "a.", "/~", "/a~2"} {
		if p, err := ParsePath(text); err == nil {
			t.Errorf("%q: %v", text, p)
		}
	}
	if _, err := NewMasks([]string{"a..b"}); err == nil {
		t.Error("a mask without a name")
	}
}

func BenchmarkStream(b *testing.B) {
	var list []string
	for i := range 10_000 {
		id := "good"
		if i%10 > 0 {
			id = "bad"
		}
		list = append(list, fmt.Sprintf(`{"id":"%s-%d","name":"Room %d","visibility":"public","created_by":"ursula","created_at":"2026-01-01T00:00:00Z"}`, id, i, i))
	}
	document := []byte(`{"rooms":[` + strings.Join(list, ",") + `]}`)
	filter := NewFilter(Path{"rooms"}, []Path{{"id"}})
	keep := func(fields []Field) (bool, *Masks, error) {
		ok, err := good(fields)
		return ok, nil, err
	}
	masks, err := NewMasks([]string{"rooms.created_by"})
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct {
		f *Filter
		m *Masks
	}{"filter": {filter, nil}, "mask": {nil, masks}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				s := New(c.f, c.m, keep, 1<<20)
				for rest := document; len(rest) > 0; {
					n := min(32<<10, len(rest))
					if err := s.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					s.Take()
					rest = rest[n:]
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("tree", func(b *testing.B) {
		b.SetBytes(int64(len(document)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := strictjson.Parse(document); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Elements are rewritten one by one, however the document is cut; a document without the list passes as it is.
func TestRewriter(t *testing.T) {
	shout := func(element []byte) ([]byte, error) { return bytes.ToUpper(element), nil }
	for document, want := range map[string]string{
		`{"a":"x","l":[{"a":"x"}, "y" ,[1]],"b":"z"}`: `{"a":"x","l":[{"A":"X"},"Y",[1]],"b":"z"}`,
		`{"l":[]}`:              `{"l":[]}`,
		`{"l":null,"b":1}`:      `{"l":null,"b":1}`,
		`{"l":{"a":[1]}}`:       `{"l":{"a":[1]}}`,
		`{"L":["a"]}`:           `{"L":["a"]}`,
		`["a"]`:                 `["a"]`,
		`"l"`:                   `"l"`,
		`{"k":{"l":["a"]}}`:     `{"k":{"l":["a"]}}`,
		`{"l":["a"],"m":["b"]}`: `{"l":["A"],"m":["b"]}`,
	} {
		for cut := range len(document) {
			s := New(NewRewriter(Path{"l"}, shout), nil, nil, 1<<10)
			var got []byte
			for _, part := range []string{document[:cut], document[cut:]} {
				if err := s.Write([]byte(part)); err != nil {
					t.Fatal(document, err)
				}
				got = append(got, s.Take()...)
			}
			if err := s.Close(); err != nil {
				t.Fatal(document, err)
			}
			if got = append(got, s.Take()...); string(got) != want {
				t.Errorf("%s cut at %d: %s, want %s", document, cut, got, want)
			}
		}
	}
}
