package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Documents are read as encoding/json reads them, by trees and by terms alike, and what is written is read as what it was.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a": {"b": {"c": {"d": [1, 1.0, 1e400, "x", null, true]}}}, "b": 2}`, `{"a": [{"a": 1}], "a": 2}`, `[{"\u00e4": 1, "ä": {}}]`, `[[[[]]]]`, `[]`, `{}`, `"x"`, `1`, `null`, ``, ` `, `{`, `[1`, `[1,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{1:2}`,
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
		read, readErr := ReadDatum(raw)
		if (err == nil) != (readErr == nil) {
			t.Fatalf("%q: %v and %v", raw, err, readErr)
		}
		if twice := (*twiceError)(nil); wantErr == nil && errors.As(err, &twice) != hasTwice(t, raw) {
			t.Fatalf("%q: %v", raw, err)
		} else if twice != nil { // the one thing in which it is stricter
			return
		}
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v %v, not %v %v", raw, got, err, want, wantErr)
		}
		if err != nil {
			return
		}
		want, err = ast.InterfaceToValue(got)
		if err == nil && (read.term.Value.Compare(want.(ast.Value)) != 0 || read.term.Hash() != want.(ast.Value).Hash()) || !reflect.DeepEqual(read.Plain(), got) {
			t.Fatalf("%q is read as %v, not as %v", raw, read.term, want)
		}
		var text bytes.Buffer
		same, err := Encode(got, 1<<20)
		if err := errors.Join(err, read.WriteJSON(&text)); err != nil || text.String() != string(same) {
			t.Fatalf("%q is written %q and %q: %v", raw, &text, same, err)
		}
		if again, err := Decode(text.Bytes()); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q is written %q: %v %v", raw, &text, again, err)
		}
	})
}

// hasTwice tells whether an object of a document has a member twice.
func hasTwice(t *testing.T, raw []byte) bool {
	type object struct {
		names  map[any]bool // nil: it is an array
		inside bool         // a name was read, its value comes
	}
	var open []*object
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		delim, _ := token.(json.Delim)
		if delim == '}' || delim == ']' {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			o := open[n-1]
			if o.inside = !o.inside; o.inside {
				if o.names[token] {
					return true
				}
				o.names[token] = true
				continue
			}
		}
		switch delim {
		case '{':
			open = append(open, &object{names: map[any]bool{}})
		case '[':
			open = append(open, &object{})
		}
	}
}

// What is there twice is named by where it is; the same name in two objects is none of that.
func TestDecodeRefusesAMemberThatIsThereTwice(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 1, "a": 1}`:                     `"/a"`,
		`{"a": 1, "\u0061": 2}`:                `"/a"`,
		`{"x": [{}, {"b/c": {"": 1, "": 2}}]}`: `"/x/1/b~1c/"`,
		`{"a": {"a": {}}, "a": [`:              `"/a"`,
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), "the member "+want+" is there twice") {
			t.Errorf("%s: %v", text, err)
		}
	}
	deep := strings.Repeat(`{"a":`, 5000) + `{"x":1,"x":2` + strings.Repeat("}", 5001)
	if _, err := Decode([]byte(deep)); err == nil || len(err.Error()) > 200 || !strings.Contains(err.Error(), `"…/a/`) {
		t.Error(err)
	}
	if _, err := Decode([]byte(`{"a": {"a": 1, "A": 2}, "b": {"a": 1}}`)); err != nil {
		t.Error(err)
	}
}
