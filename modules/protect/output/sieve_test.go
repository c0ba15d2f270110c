package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/protect/detect"
)

const card = "4111111111111111"

func looking(t testing.TB, action string, words ...string) *look {
	t.Helper()
	r, err := Rule{Kinds: words, Action: action}.compile()
	if err != nil {
		t.Fatal(err)
	}
	return &look{kinds: r.kinds, rules: []*rule{r}, hard: action != Report}
}

// through sends a text in pieces of so many bytes.
func through(s sieve, text string, size int) (string, error) {
	var out []byte
	var err error
	for len(text) > 0 {
		n := min(size, len(text))
		if out, err = s.write(out, []byte(text[:n])); err != nil {
			return string(out), err
		}
		text = text[n:]
	}
	out, err = s.close(out)
	return string(out), err
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"<script>alert(1)</script>","b":"x&y"}`: `{"a":"\u003cscript\u003ealert(1)\u003c/script\u003e","b":"x\u0026y"}`,
		"[\"\u2028\u2029\u2027é\"]":                   `["\u2028\u2029` + "\u2027é" + `"]`,
		`{"a":"\"<\\","<":1}`:                         `{"a":"\"\u003c\\","\u003c":1}`,
		`{"a":"\<"}`:                                  `{"a":"\u003c"}`,
		"{\"a\":\"\xe2":                               "{\"a\":\"\xe2",
		"{\"a\":\"\xe2\x80":                           "{\"a\":\"\xe2\x80",
		"{\"a\":\"\xe2\xe2\x80\xa8\"}":                "{\"a\":\"\xe2\\u2028\"}",
		`{"a":"clean"}`:                               `{"a":"clean"}`,
		"":                                            "",
	} {
		for size := 1; size <= len(in)+1; size++ {
			for name, s := range map[string]sieve{"escaper": &markup{}, "inspector": newInspector(looking(t, Report, "card"), true)} {
				if got, err := through(s, in, size); err != nil || got != want {
					t.Errorf("%s: %q in pieces of %d gives %q %v, want %q", name, in, size, got, err, want)
				}
			}
		}
	}
}

// documents draws JSON.
func documents() *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"<b>&\u2028\u2029</b>", "\\", `"`, card, "card " + card + ".", "ada@example.org", "\u2028" + card + "<", strings.Repeat("x ", 300) + card}))
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		scalars := []*rapid.Generator[any]{rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.IntRange(-1e6, 1e6), func(n int) any { return json.Number(fmt.Sprint(n)) }), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil)}
		if depth == 0 {
			return rapid.OneOf(scalars...)
		}
		list := rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 4), func(l []any) any { return l })
		object := rapid.Map(rapid.MapOfN(text, rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 4), func(m map[string]any) any { return m })
		return rapid.OneOf(append(scalars, list, object)...)
	}
	return value(3)
}

func decode(t *rapid.T, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// Whatever the document and however it is cut, its values stay what they are, nothing in it is markup, and what is masked is not in it.
func TestValuesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(rapid.Bool().Draw(t, "escaped"))
		if err := e.Encode(documents().Draw(t, "document")); err != nil {
			t.Fatal(err)
		}
		in, size := b.String(), rapid.IntRange(1, 40).Draw(t, "size")
		want := decode(t, in)
		kinds, err := Rule{Kinds: []string{"card"}}.compile()
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]sieve{"escaper": &markup{}, "inspector": newInspector(&look{kinds: kinds.kinds, rules: []*rule{kinds}}, true)} {
			got, err := through(s, in, size)
			if err != nil || strings.ContainsAny(got, "<>&\u2028\u2029") || !reflect.DeepEqual(decode(t, got), want) {
				t.Fatalf("%s: %q gives %q %v", name, in, got, err)
			}
			if s.altered() != (got != in) {
				t.Fatalf("%s: %q gives %q: altered is %v", name, in, got, s.altered())
			}
		}
		mask, err := Rule{Kinds: []string{"card"}, Action: Mask}.compile()
		if err != nil {
			t.Fatal(err)
		}
		l := &look{kinds: mask.kinds, rules: []*rule{mask}, hard: true}
		got, err := through(newInspector(l, true), in, size)
		if err != nil || strings.Contains(got, card) {
			t.Fatalf("%q gives %q %v", in, got, err)
		}
		decode(t, got)
	})
}

func TestMasksInJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"text":"my card is 4111 1111 1111 1111, ok"}`:            `{"text":"my card is **** **** **** 1111, ok"}`,
		`{"n":4111111111111111,"m":[1,-4111111111111111,2.5e3]}`:   `{"n":"************1111","m":[1,"-************1111",2.5e3]}`,
		`{"4111111111111111":1}`:                                   `{"************1111":1}`,
		`["\u0034111111111111111"]`:                                `["************1111"]`,
		`["4111\u002d1111-1111-1111 <"]`:                           `["****-****-****-1111 \u003c"]`,
		`4111111111111111`:                                         `"************1111"`,
		"{\"a\":\"x\"}\n{\"a\":\"4111111111111111\"}\n":            "{\"a\":\"x\"}\n{\"a\":\"************1111\"}\n",
		`{"a":"` + strings.Repeat("lorem ", 20000) + card + ` ."}`: `{"a":"` + strings.Repeat("lorem ", 20000) + `************1111 ."}`,
		`{"a":"` + strings.Repeat(`\\`, 60000) + card + `"}`:       `{"a":"` + strings.Repeat(`\\`, 60000) + `************1111"}`,
		`{"a":"` + strings.Repeat(`\"`, 60000) + card + `"}`:       `{"a":"` + strings.Repeat(`\"`, 60000) + `************1111"}`,
	} {
		for _, size := range []int{1, 7, 1000, 1 << 20} {
			if got, err := through(newInspector(looking(t, Mask, "card"), true), in, size); err != nil || got != want {
				t.Errorf("%.80q in pieces of %d gives %.80q %v", in, size, got, err)
			}
		}
	}
}

// What only looks like JSON could be read otherwise by others than it was looked through: it does not pass where something must not.
func TestWhatIsNoJSON(t *testing.T) {
	for _, in := range []string{`{"a":1}<script>`, `{'a':'` + card + `'}`, `{"a":"x`, `{"a":[1}`, `[1,2`, strings.Repeat("[", mostDepth+1), strings.Repeat("1", 5000)} {
		if got, err := through(newInspector(looking(t, Mask, "card"), true), in, 3); err == nil {
			t.Errorf("%.40q passes as %.40q", in, got)
		}
		if got, err := through(newInspector(looking(t, Report, "card"), false), in, 3); err != nil || got != in {
			t.Errorf("%.40q becomes %.40q %v", in, got, err)
		}
	}
}

// An event names where something was, by names that programmers chose; never a name that is somebody's.
func TestPointers(t *testing.T) {
	l := looking(t, Report, "card", "mail")
	in := `{"users":[{"pay":{"card":"` + card + `"}},{"pay":{"card":"` + card + `"}}],"ada@example.org":{"x":"ada@example.org"},"1234567":["` + card + `"],"` + card + `":{"y":[["ada@example.org"]]}}`
	if _, err := through(newInspector(l, true), in, 5); err != nil {
		t.Fatal(err)
	}
	want := map[detect.Kind]string{detect.Card: "[/users/*/pay/card /?/*]", detect.Mail: "[/?/x /?/y/*/*]"}
	counts := map[detect.Kind]int{detect.Card: 4, detect.Mail: 3}
	for _, f := range l.found {
		if got := fmt.Sprint(f.Pointers); got != want[f.Kind] || f.Count != counts[f.Kind] {
			t.Errorf("%s: %d at %s, want %d at %s", f.Kind, f.Count, got, counts[f.Kind], want[f.Kind])
		}
	}
}

func TestExempt(t *testing.T) {
	var rules []*rule
	for _, r := range []Rule{{Kinds: []string{"mail"}, Action: Mask, Exempt: []string{"/users/*/mail", "/me"}}, {Kinds: []string{"mail"}, Action: Mask, Exempt: []string{"/users/*/mail"}}} {
		c, err := r.compile()
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, c)
	}
	l := &look{kinds: rules[0].kinds, rules: rules, hard: true}
	got, err := through(newInspector(l, true), `{"users":[{"mail":"a@b.org","x":"a@b.org"}],"me":"a@b.org"}`, 9)
	if want := `{"users":[{"mail":"a@b.org","x":"a***@b.org"}],"me":"a***@b.org"}`; err != nil || got != want {
		t.Error(got, err)
	}
}

// A text is looked through in whatever pieces it comes; lines are sent when it is flushed.
func TestPlain(t *testing.T) {
	filler := strings.Repeat("nothing to see here\n", 1000)
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("QUJD\n", 3000) + "-----END PRIVATE KEY-----"
	in := filler + "card " + card + "\n" + filler + key + "\n" + filler + "ada@example.org"
	want := filler + "card ************1111\n" + filler + "[private key removed]\n" + filler + "a***@example.org"
	for _, size := range []int{1, 100, 4096, 1 << 20} {
		if got, err := through(&plain{window: window{look: looking(t, Mask, "all")}}, in, size); err != nil || got != want {
			t.Errorf("in pieces of %d: %d bytes for %d, %v", size, len(got), len(want), err)
		}
		if _, err := through(&plain{window: window{look: looking(t, Block, "card")}}, in, size); err != errDetected { //nolint:errorlint // ours
			t.Error(err)
		}
	}
	p := &plain{window: window{look: looking(t, Mask, "card")}}
	out, _ := p.write(nil, []byte("data: "+card+"\n\ndata: 41111"))
	out, _ = p.flush(out)
	if want := "data: ************1111\n\n"; string(out) != want {
		t.Errorf("%q is sent", out)
	}
	out, _ = p.write(nil, []byte(card[5:]+"\n"))
	out, _ = p.flush(out)
	if want := "data: ************1111\n"; string(out) != want {
		t.Errorf("%q is sent", out)
	}
}

// FuzzInspector: the pieces make no difference; what is masked does not come out; what is JSON stays JSON.
func FuzzInspector(f *testing.F) {
	for _, s := range []string{`{"a":"` + card + `","b":[1,2.5,null,"<\u2028>"]}`, `"\u0034` + card[1:] + `"`, "[]\n{}", `{"a":"\`, `[4111111111111111,true]`} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		whole, wholeErr := through(newInspector(looking(t, Mask, "card"), true), string(text), len(text)+1)
		got, err := through(newInspector(looking(t, Mask, "card"), true), string(text), 1+int(size))
		if (err == nil) != (wholeErr == nil) || err == nil && got != whole {
			t.Fatalf("%q gives %q %v, in pieces %q %v", text, whole, wholeErr, got, err)
		}
		if err != nil || !json.Valid(text) {
			return
		}
		if !json.Valid([]byte(got)) || strings.ContainsAny(got, "<>&") {
			t.Fatalf("%q gives %q", text, got)
		}
		var texts any
		if json.Unmarshal([]byte(got), &texts) == nil && len(looking(t, Mask, "card").kinds.Find([]byte(fmt.Sprint(texts)), 0, nil)) > 0 && len(text) < 24 {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
