package engine

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"
)

// Documents are read as encoding/json reads them, and what is written is read as what it was.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a": {"b": {"c": {"d": [1, 1.0, 1e400, "x", null, true]}}}, "a": 2}`, `[[[[]]]]`, `[]`, `{}`, `"x"`, `1`, `null`, ``, ` `, `{`, `[1`, `[1,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{1:2}`,
		`[1 2]`, `{} {}`, `1 2`, `]`, `[}`, `{]`, `{"a":[}`, `"\ud800"`, "\"\xff\"", `{"<": "&>"}`, "\"\u2028\"", `-`, `01`, `tru`, `{"a":{"b":{"c":}}}`, `[,1]`, `{,}`, `{"a" 1}`, `[[[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var want any
		wantErr := dec.Decode(&want)
		if _, err := dec.Token(); wantErr == nil && err != io.EOF {
			wantErr = io.ErrUnexpectedEOF
		}
		got, err := Decode(raw)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v %v, not %v %v", raw, got, err, want, wantErr)
		}
		if err != nil {
			return
		}
		text, err := Encode(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(text); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q is written %q: %v %v", raw, text, again, err)
		}
	})
}
