package jsonstream

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// FuzzStream: whatever the document and however it is cut into pieces, the stream gives what the same work on the whole gives, or fails where that
// fails; what comes out is JSON; and at no time a refused element has come out.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		`{"rooms":[{"id":"g","key":1},{"id":"b","key":"secret-b"}],"key":[1]}`, `[{"id":"g"},{"id":"b"}]`, `{"a":{"rooms":[{"id":"\u0067\ud83d\ude00"}]}}`,
		`{"rooms":[],"Rooms":[]}`, `{"rooms":[{"id":"g","id":"b"}]}`, `-0.5e+10`, `"x`, ` null `, `{"rooms":[[[{"id":1}]]]}`, `{"rooms":[{"id":{"id":"g"}},1,"b",true]}`,
		`{ "a" : 1 , "key":["x",{"y":2},[3,null]] ,"b":{} }`, `{"A":1}`, `{"rooms":[{ "key":"a\u00e4", "id":"g" , "x":1}], "\u0061":2 }`,
	} {
		for i := range 40 {
			f.Add([]byte(seed), []byte{1, 2, 3}, uint8(i))
		}
	}
	lists := []string{"rooms", ".", "a.rooms", "/0", "-"}
	maskings := [][]Mask{nil, plainMasks("rooms.key", "key"), plainMasks("key.x", "a"), plainMasks("rooms"), plainMasks("."), {{Path: "rooms.key", Drop: true}, {Path: "a", Drop: true}},
		{{Path: "/rooms/*/key", Replace: length}, {Path: "key", Replace: length, Rank: 1}, {Path: "key"}}, {{Path: "/key/*", Replace: length}, {Path: "rooms.id", Drop: true, Rank: 2}, {Path: "rooms.id", Rank: 1}}}
	f.Fuzz(func(t *testing.T, document, cuts []byte, choice uint8) {
		list, masking := lists[int(choice)%len(lists)], maskings[int(choice)/len(lists)%len(maskings)]
		fields := []Path{{"id"}, nil}
		var filter *Filter
		var at Path
		if list != "-" {
			at = paths(t, list)[0]
			filter = NewFilter(at, fields)
		}
		var told []string
		decide := func(fields []Field) (bool, error) {
			told = append(told, fmt.Sprint(fields))
			return good(fields)
		}
		want, wantErr := reference(document, at, filter != nil, fields, refMasks(t, masking), decide)
		wantTold := told
		told = nil
		masks, err := MakeMasks(masking)
		if err != nil {
			t.Fatal(err)
		}
		s := New(filter, masks, func(fields []Field) (bool, *Masks, error) {
			keep, err := decide(fields)
			return keep, nil, err
		}, 1<<20)
		var got []byte
		rest := document
		for i := 0; len(rest) > 0 && err == nil; i++ {
			n := len(rest)
			if len(cuts) > 0 {
				n = min(n, 1+int(cuts[i%len(cuts)]))
			}
			err = s.Write(rest[:n])
			got = append(got, s.Take()...)
			rest = rest[n:]
		}
		if err == nil {
			err = s.Close()
			got = append(got, s.Take()...)
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, on the whole %v", document, err, wantErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(got, want) || fmt.Sprint(told) != fmt.Sprint(wantTold) {
			t.Fatalf("%q\n gives %q %v\n want  %q %v", document, got, told, want, wantTold)
		}
		if _, err := strictjson.Parse(got); err != nil {
			t.Fatalf("%q gives %q: %v", document, got, err)
		}
	})
}

func plainMasks(paths ...string) (out []Mask) {
	for _, p := range paths {
		out = append(out, Mask{Path: p})
	}
	return out
}

// length masks strings and numbers.
func length(f Field) []byte {
	if f.Kind != strictjson.String && f.Kind != strictjson.Number {
		return nil
	}
	return fmt.Appendf(nil, "%d", len(f.Text))
}

func refMasks(t testing.TB, list []Mask) (out []refMask) {
	for i := range list {
		p := slices.DeleteFunc(paths(t, list[i].Path)[0], func(s string) bool { return s == "*" })
		out = append(out, refMask{p, &list[i]})
	}
	return out
}

// FuzzRefused: an element that is refused never comes out, whatever stands around it, how it ends, and how it is cut into pieces.
func FuzzRefused(f *testing.F) {
	f.Add([]byte(`{"rooms":[{"id":"g"},`), []byte(`,{"id":"g"}]}`), []byte{5})
	f.Add([]byte(`{"x":"\ud83d\ude00","rooms":[`), []byte(`,{]}`), []byte{1})
	f.Add([]byte(`{"rooms":[`), []byte(`],"Rooms":[]}`), []byte{200})
	f.Fuzz(func(t *testing.T, before, after, cuts []byte) {
		const secret = "seCret-5f3a"
		if bytes.Contains(before, []byte("seC")) || bytes.Contains(after, []byte("seC")) {
			return // they hold it themselves
		}
		// Only where the element is one of the list: elsewhere it is nobody's to refuse.
		document := append(append(append([]byte(nil), before...), `{"id":"b","x":"`+secret+`"}`...), after...)
		refused := false
		s := New(NewFilter(Path{"rooms"}, []Path{{"id"}, {"x"}}), nil, func(fields []Field) (bool, *Masks, error) {
			refused = refused || fields[1].Text == secret
			keep, err := good(fields)
			return keep, nil, err
		}, 1<<20)
		var got []byte
		for i := 0; len(document) > 0; i++ {
			n := len(document)
			if len(cuts) > 0 {
				n = min(n, 1+int(cuts[i%len(cuts)]))
			}
			err := s.Write(document[:n])
			got = append(got, s.Take()...)
			if err != nil {
				break
			}
			document = document[n:]
		}
		if refused && bytes.Contains(got, []byte(secret)) {
			t.Fatalf("%q %q gives %q", before, after, got)
		}
	})
}
