package auditlog

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Whatever is split into members is JSON, and put together again it is the same value; leaves that are made of it are read as they were.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":[{"c":"}"}],"d":"\"","e":null}`, `{"event.id":"x","@timestamp":"y"}`, `{"a":[}`, `{"a":"` + "\n" + `"}`, `{"audit.index":3,"audit.mac":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := members(text, nil)
		if !json.Valid(text) {
			return // what it splits is not checked to the last digit
		}
		if err != nil {
			if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) < deepest {
				t.Fatalf("%q is an object, and was not split", text)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q was split, but is no object: %v", text, err)
		}
		last := map[string][]byte{}
		for _, m := range all {
			var key string
			if json.Unmarshal(append(append([]byte{'"'}, m.key...), '"'), &key) != nil {
				t.Fatalf("%q: the key %q is no string", text, m.key)
			}
			last[key] = m.value
		}
		if len(last) != len(want) {
			t.Fatalf("%q has %d members, not %d", text, len(want), len(last))
		}
		for key, value := range want {
			if !bytes.Equal(bytes.TrimSpace(value), last[key]) {
				t.Fatalf("%q: %q is %q, not %q", text, key, value, last[key])
			}
		}
	})
}

// What somebody gives for a leaf, a checkpoint or a proof is read or refused.
func FuzzForeign(f *testing.F) {
	f.Add([]byte(`{"audit.index":0,"event.id":"x","audit.sealed":{"id":"k","data":"AAAA"},"audit.mac":"AAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Add([]byte("log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— log AAAAAAAA\n"))
	f.Add([]byte(`{"leaf":"{\"audit.index\":0}","hashes":[],"checkpoint":""}`))
	k, err := keysOf(fixed{}, "log")
	if err != nil {
		f.Fatal(err)
	}
	e := newEncoder("log", k.mac)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var leaf Leaf
		if leaf.parse(raw) == nil {
			if index, ok := indexOf(raw); !ok || index != leaf.Index || index < 0 {
				t.Fatal(index, leaf.Index)
			}
		}
		if e.authentic(raw) {
			t.Fatal("a mark was guessed")
		}
		if _, err := OpenCheckpoint(raw, k.verifier); err == nil {
			t.Fatal("a signature was guessed")
		}
		if p, err := ReadProof(bytes.NewReader(raw)); err == nil && p.Check(k.verifier) == nil {
			t.Fatal("a proof was guessed")
		}
		_ = linesOf(bytes.NewReader(raw), func(l line) error {
			if l.group {
				_, _ = noteOf(l.text)
			}
			return nil
		})
	})
}

type fixed struct{}

func (fixed) Derive(purpose string) []byte {
	b := make([]byte, 32)
	copy(b, purpose)
	return b
}
