package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// mirror is a key set whose ciphertext is the value backwards behind its additional data: what matters here is what is done to documents.
type mirror struct{}

func (mirror) ID() string   { return "abcdefghijklmnop" }
func (mirror) Name() string { return "room/a" }

func (mirror) Seal(dst []byte, name string, plain, aad []byte) ([]byte, error) {
	dst = append(append(append(dst, aad...), name...), 0)
	for i := range plain {
		dst = append(dst, plain[len(plain)-1-i])
	}
	return dst, nil
}

func (mirror) Open(dst []byte, name string, sealed, aad []byte) ([]byte, bool, error) {
	rest, ok := bytes.CutPrefix(sealed, append(append(bytes.Clone(aad), name...), 0))
	if !ok {
		return nil, false, errors.New("it is of another place")
	}
	for i := range rest {
		dst = append(dst, rest[len(rest)-1-i])
	}
	return dst, false, nil
}

func (mirror) Index(name string, value []byte) []byte {
	return append([]byte(name+"................"), value...)
}

func fuzzEnv() *Env {
	use := func(context.Context, string) (Set, error) { return mirror{}, nil }
	return &Env{Vars: func(string) (string, bool) { return "a", true }, Use: use, ByID: use, Erased: func(error) bool { return false }, Mint: func() string { return "minted" }}
}

// FuzzSealOpen: what is sealed opens to the same values, and no text of a field is left in what the back end gets; whatever else the document holds stays.
func FuzzSealOpen(f *testing.F) {
	for _, s := range []string{
		`{"text":"planted \u0000\ud83d\ude00 \"x\" \\ \n"}`, `{"text":{"planted":[1.50,true,null]},"list":[{"text":"planted"},{"text":1e400}]}`, ` { } `, `{"list":[],"n":null,"text":""}`,
		`{"Text":"x"}`, `{"text":"enc:v1:a:b"}`, `{"list":{"text":"x"}}`, `{"id":"1"}`, `{"text":"a","id":"1"}`, `[1]`, `{"list":[null,1,"x",[{}]]}`,
	} {
		f.Add(s)
	}
	specs := []Spec{{Type: "m", KeySet: "room/{room}", Mint: "id"}, {Type: "e", Pointer: "/list/*", KeySet: "room/{room}", ID: "{room}"}}
	fields := []string{"/text", "/list/*/text"}
	sealing, err := Compile(specs, Request, fields, yes)
	if err != nil {
		f.Fatal(err)
	}
	opening, err := Compile(specs, Answer, fields, yes)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document string) {
		env := fuzzEnv()
		sealed, counts, err := sealing.Seal(t.Context(), env, []byte(document))
		if err != nil {
			var at *Error
			if !errors.As(err, &at) || strings.Contains(err.Error(), "planted") {
				t.Fatalf("%q: %v", document, err)
			}
			return
		}
		if counts.Fields > 0 && !bytes.Contains(sealed, []byte("enc:v1:abcdefghijklmnop:")) {
			t.Fatalf("%q became %s", document, sealed)
		}
		opened, again, err := opening.Open(t.Context(), env, sealed)
		if err != nil || again.Fields != counts.Fields {
			t.Fatalf("%q, sealed %s: %v, %+v, %+v", document, sealed, err, counts, again)
		}
		if want, got := decoded(t, []byte(document)), decoded(t, opened); !same(want, got) {
			t.Fatalf("%q came back as %s", document, opened)
		}
	})
}

func decoded(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// same tells whether got is want with an id.
func same(want, got any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(want, got)
	}
	w["id"] = "minted"
	return reflect.DeepEqual(want, got)
}
