package engine

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestDigest(t *testing.T) {
	a, b := (&Input{Path: "/a"}).Value(), (&Input{Path: "/b"}).Value()
	if Digest(a) != Digest((&Input{Path: "/a"}).Value()) || Digest(a) == Digest(b) || len(Digest(a)) != 32 {
		t.Error(Digest(a), Digest(b))
	}
	raw, err := ast.JSON(a)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ast.InterfaceToValue(raw)
	if err != nil || Digest(again) != Digest(a) {
		t.Error("another digest once it was written as JSON", err)
	}
}

// What is written is JSON of the same value, for any value, and one that is no UTF-8 is not taken for another.
func FuzzAppendJSON(f *testing.F) {
	f.Add(`{"b":[1,2.50,true,null,"x\"\\\u0000é\ufffd"],"a":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ast.ValueFromReader(strings.NewReader(text))
		if err != nil {
			return
		}
		b, err := AppendJSON(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			return // OPA reads more than there should be
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not %s", b, text)
		}
	})
}

func TestDigestTellsBytesApart(t *testing.T) {
	if Digest(ast.String("a\xff")) == Digest(ast.String("a\ufffd")) || Digest(ast.String("a\xff")) == Digest(ast.String("a\xfe")) {
		t.Error("one digest for two texts")
	}
	if Digest(ast.NewSet()) != "" {
		t.Error("a set is no JSON")
	}
}
