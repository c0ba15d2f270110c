package source

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// The examples of RFC 6902, appendix A, and what of the errors matters.
func TestJSONPatch(t *testing.T) {
	for _, c := range []struct{ name, doc, patch, want string }{
		{"A.1", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		{"A.2", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{"A.3", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{"A.4", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"A.5", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{"A.6", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"A.8", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.9", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, ""},
		{"A.10", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"child":{"grandchild":{}},"foo":"bar"}`},
		{"A.11", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"baz":"qux","foo":"bar"}`},
		{"A.12", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, ""},
		{"A.13", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`, ""},
		{"twice", `{}`, `[{"op":"add","path":"/a","value":{"b":1,"b":2}}]`, ""},
		{"A.14", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.15", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, ""},
		{"A.16", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		{"null", `{}`, `[{"op":"add","path":"/a","value":null}]`, `{"a":null}`},
		{"the whole", `{"a":1}`, `[{"op":"replace","path":"","value":[]}]`, `[]`},
		{"copy", `{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/c/b","value":2}]`, `{"a":{"b":1},"c":{"b":2}}`},
		{"numbers", `{"a":1.0}`, `[{"op":"test","path":"/a","value":1e0}]`, `{"a":1.0}`},
		{"large numbers", `{"a":9007199254740993}`, `[{"op":"test","path":"/a","value":9007199254740992}]`, ""},
		{"into itself", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/c"}]`, ""},
		{"no value", `{}`, `[{"op":"add","path":"/a"}]`, ""},
		{"no path", `{}`, `[{"op":"add","value":1}]`, ""},
		{"no pointer", `{}`, `[{"op":"add","path":"a","value":1}]`, ""},
		{"a bare tilde", `{}`, `[{"op":"add","path":"/~","value":1}]`, ""},
		{"no such operation", `{}`, `[{"op":"increment","path":"/a","value":1}]`, ""},
		{"outside", `[1]`, `[{"op":"add","path":"/2","value":1}]`, ""},
		{"a leading zero", `[1,2]`, `[{"op":"remove","path":"/00"}]`, ""},
		{"negative", `[1,2]`, `[{"op":"remove","path":"/-1"}]`, ""},
		{"the end is nothing", `[1]`, `[{"op":"remove","path":"/-"}]`, ""},
		{"a missing one", `{}`, `[{"op":"replace","path":"/a","value":1}]`, ""},
		{"all of it", `{}`, `[{"op":"remove","path":""}]`, ""},
		{"in a scalar", `{"a":1}`, `[{"op":"add","path":"/a/b","value":1}]`, ""},
		{"no array", `{}`, `{"op":"add"}`, ""},
		{"too many", `{}`, `[` + strings.Repeat(`{"op":"test","path":"","value":{}},`, maxOperations) + `{"op":"test","path":"","value":{}}]`, ""},
	} {
		doc, err := engine.Decode([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Patch(doc, []byte(c.patch))
		if (err != nil) != (c.want == "") {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		raw, _ := json.Marshal(got)
		if err == nil && string(raw) != c.want {
			t.Errorf("%s: %s", c.name, raw)
		}
		if raw, _ := json.Marshal(doc); string(raw) != c.doc {
			t.Errorf("%s: the document itself was changed: %s", c.name, raw)
		}
	}
}

// The examples of RFC 7396, appendix A.
func TestMergePatch(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`}, {`{"a":"b"}`, `["c"]`, `["c"]`}, {`{"a":"foo"}`, `null`, `null`}, {`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`}, {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		doc, err := engine.Decode([]byte(c[0]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Merge(doc, []byte(c[1]))
		if raw, _ := json.Marshal(got); err != nil || string(raw) != c[2] {
			t.Errorf("%s with %s: %s %v", c[0], c[1], raw, err)
		}
		if raw, _ := json.Marshal(doc); string(raw) != c[0] {
			t.Errorf("the document itself was changed: %s", raw)
		}
	}
	if _, err := Merge(nil, []byte("{")); err == nil {
		t.Error("no JSON is taken")
	}
}

func TestPaths(t *testing.T) {
	for in, want := range map[string][]string{"": nil, "/": nil, "a": {"a"}, "/a/b": {"a", "b"}, "a~1b/~0": {"a/b", "~"}, "../.": {"..", "."}, "ä b": {"ä b"}} {
		got, err := ParsePath(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"a//b", "a/", "~", "~2", "a\x00", "a\nb", "\xff", strings.Repeat("x", maxName+1), strings.Repeat("a/", maxDepth) + "a"} {
		if got, err := ParsePath(in); err == nil {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Whatever the patch: no panic, the document is left as it was, and what comes out is JSON.
func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `[{"op":"add","path":"/a/1/c","value":3},{"op":"move","from":"/a/0","path":"/x"}]`)
	f.Add(`[]`, `{"a":null}`)
	f.Add(`{"a":1e400}`, `[{"op":"test","path":"/a","value":1}]`)
	f.Fuzz(func(t *testing.T, text, patch string) {
		doc, err := engine.Decode([]byte(text))
		if err != nil {
			return
		}
		before, err := json.Marshal(doc)
		if err != nil {
			return
		}
		for _, by := range []func(any, []byte) (any, error){Patch, Merge} {
			if got, err := by(doc, []byte(patch)); err == nil {
				if _, err := json.Marshal(got); err != nil {
					t.Error(err)
				}
			}
		}
		if after, _ := json.Marshal(doc); string(after) != string(before) {
			t.Errorf("changed: %s", after)
		}
	})
}

// A path that is read is written as it was.
func FuzzPath(f *testing.F) {
	f.Add("a/b~1c/~0")
	f.Fuzz(func(t *testing.T, s string) {
		path, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(FormatPath(path))
		if err != nil || !reflect.DeepEqual(path, again) {
			t.Errorf("%q: %q, then %q %v", s, path, again, err)
		}
	})
}
