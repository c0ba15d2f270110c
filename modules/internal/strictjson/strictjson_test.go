package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAccepts(t *testing.T) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , -0.5e+7 , true,false , null, "x" ] } `, `"\u00e4\ud83d\ude00\"\\\/\b\f\n\r\t"`, `"ä😀"`, `0`, `-1`, `10`,
		`{"a":{"a":{}},"A":1}`, strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	} {
		v, err := Parse([]byte(s))
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := strings.TrimSpace(s); s[v.Start:v.End] != got {
			t.Errorf("%s stands at %q", s, s[v.Start:v.End])
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, s := range []string{
		``, ` `, `{`, `}`, `[`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{a:1}`, `'a'`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `NaN`, `nul`, `truex`,
		`{} {}`, `{}x`, `"`, `"\`, `"\u12`, `"\u12g4"`, `"\x"`, "\"\n\"", "\"\x00\"", "\"\xff\"", `"\ud800"`, `"\ud800x"`, `"\ud800\n"`, `"\ud800\u0041"`,
		`"\udc00"`, `{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `[{"x":{"b":1,"a":1,"b":2}}]`, "\ufeff{}", `{"a":1}//`,
		strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2), `"` + "\xed\xa0\x80" + `"`, `"\n` + "\xff" + `"`,
	} {
		if v, err := Parse([]byte(s)); err == nil {
			t.Errorf("%q is accepted: %+v", s, v)
		}
	}
}

func TestDuplicatesInLargeObjects(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `"m%d":1,`, i)
	}
	if _, err := Parse([]byte("{" + b.String() + `"x":1}`)); err != nil {
		t.Error(err)
	}
	for _, twice := range []string{"m0", "m15", "m16", "m17", "m999"} {
		if _, err := Parse([]byte("{" + b.String() + `"` + twice + `":1}`)); !errors.Is(err, ErrTwice) {
			t.Error(twice, err)
		}
	}
}

func TestGet(t *testing.T) {
	v, err := Parse([]byte(`{"type":"x","message":{"id":7,"ok":true,"Room":"a"},"list":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"type": "x", "message.id": "7", "message.ok": "true"} {
		got, err := v.Get(path)
		if err != nil || got == nil {
			t.Errorf("%s: %v %v", path, got, err)
			continue
		}
		if s, ok := got.Scalar(); !ok || s != want {
			t.Errorf("%s: %q %v", path, s, ok)
		}
	}
	for _, path := range []string{"none", "type.x", "list.0", "message.none.x"} {
		if got, err := v.Get(path); got != nil || err != nil {
			t.Errorf("%s: %v %v", path, got, err)
		}
	}
	// What encoding/json, and readers like it, would take for room: not ours.
	for _, path := range []string{"message.room", "TYPE", "Message.id", "liſt"} {
		if got, err := v.Get(path); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v %v", path, got, err)
		}
	}
}

func TestScalar(t *testing.T) {
	for s, want := range map[string]bool{
		`"a"`: true, `""`: true, `1`: true, `-1`: true, `0`: true, `true`: true, `123456789012345`: true,
		`-0`: false, `1.0`: false, `1e2`: false, `1234567890123456`: false, `null`: false, `[]`: false, `{}`: false,
	} {
		v, err := Parse([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := v.Scalar(); ok != want {
			t.Errorf("%s: %v", s, ok)
		}
	}
}

// What is accepted, encoding/json reads the same; and of what it refuses, nothing is accepted.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"type":"message","room":"a","text":"b"}`, `[1,2.5e3,"\ud83d\ude00"]`, `{"a":1,"A":2}`, `{"a":1,"a":2}`, `"\ud800"`, `nulls`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			return
		}
		if !utf8.Valid(data) {
			t.Fatalf("not UTF-8: %q", data)
		}
		var want any
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", data, err)
		}
		if got := plain(v); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %#v, encoding/json says %#v", data, got, want)
		}
		again, err := Parse(data[v.Start:v.End])
		if err != nil || !reflect.DeepEqual(plain(again), want) {
			t.Fatalf("%q: its own part reads differently: %v", data, err)
		}
	})
}

func plain(v *Value) any {
	switch v.Kind {
	case Null:
		return nil
	case Bool:
		b, _ := strconv.ParseBool(v.Text)
		return b
	case Number:
		return json.Number(v.Text)
	case String:
		return v.Text
	case Array:
		out := []any{}
		for i := range v.Items {
			out = append(out, plain(&v.Items[i]))
		}
		return out
	}
	out := map[string]any{}
	for i := range v.Members {
		out[v.Members[i].Name] = plain(&v.Members[i].Value)
	}
	return out
}

func BenchmarkParse(b *testing.B) {
	data := []byte(`{"type":"message","room":"general","text":"` + strings.Repeat("hello ", 40) + `","ref":"01JABC"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

// The examples of RFC 6901, section 5, without those whose names are nothing but blanks.
func TestPointer(t *testing.T) {
	v, err := Parse([]byte(`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6,"m~n":8,"o~1p":9,"deep":{"Id":7}}`))
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/foo/0": "bar", "/foo/1": "baz", "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", `/i\j`: "5", `/k"l`: "6", "/m~0n": "8", "/o~01p": "9", "/deep/Id": "7",
		"/foo/2": "", "/foo/00": "", "/foo/01": "", "/foo/-": "", "/foo/": "", "/foo/0/x": "", "/none": "", "/deep/none": "",
	} {
		tokens, err := Pointer(pointer)
		if err != nil {
			t.Errorf("%s: %v", pointer, err)
			continue
		}
		got, err := v.At(tokens)
		if err != nil || (got == nil) != (want == "") || got != nil && got.Text != want {
			t.Errorf("%s: %+v %v, want %q", pointer, got, err, want)
		}
	}
	if whole, err := v.At(nil); err != nil || whole != v {
		t.Error("the empty pointer is not the whole")
	}
	if _, err := v.At([]string{"deep", "id"}); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("a member that some readers take: %v", err)
	}
	for _, bad := range []string{"foo", "/a~", "/a~2", "/~/b"} {
		if _, err := Pointer(bad); err == nil {
			t.Errorf("%q is a pointer", bad)
		}
	}
}

func TestErrorsTellWhere(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5) + "1" + strings.Repeat("}", 5)
	for _, c := range []struct {
		text, where string
		kind        error
	}{
		{`{"a":1,"a":2}`, "/a", ErrTwice},
		{`{"x/y":[0,{"~":{"b":1,"b":2}}]}`, "/x~1y/1/~0/b", ErrTwice},
		{`{"a":"\ud800"}`, "/a", ErrHalf},
		{"{\"a\":[\"\xff\"]}", "/a/0", ErrUTF8},
		{"[1,\"\n\"]", "/1", ErrControl},
		{deep, "/a/a/a/a/a", ErrDepth},
		{`[1,2,3,4,5,6,7,8,9]`, "/8", ErrMany},
		{`{"a":1}x`, "", ErrAfter},
		{`{"a":nul}`, "/a", ErrSyntax},
		{`{"a":[`, "/a", ErrEnd},
	} {
		_, err := ParseWithin([]byte(c.text), 9, 4)
		var where *Error
		if !errors.Is(err, c.kind) || !errors.As(err, &where) {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var pointer []byte
		for _, token := range where.Tokens {
			pointer = AppendToken(pointer, token)
		}
		if string(pointer) != c.where {
			t.Errorf("%s: %s, want %s", c.text, pointer, c.where)
		}
		if strings.Contains(err.Error(), "/") {
			t.Errorf("a name is in the error: %v", err)
		}
	}
}

func TestPlainNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-1": true, "123456789012345678": true, "1.5e300": true, "0e0": true, "0.000e-399": true, "-0": true, "12345678901234567890": true,
		"1e309": false, "-1e400": false, "1e-400": false, "1e99999999999": false, "1e401": false, "0." + strings.Repeat("1", 80): false,
	} {
		if PlainNumber(text) != want {
			t.Error(text)
		}
	}
}
