package source

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestWhatABundleCanNotHold(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Name: name, Size: 3, Typeflag: tar.TypeReg} }
	many := make([]tar.Header, engine.MaxFiles+1)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i))
	}
	huge := []tar.Header{}
	for i := range 5 { // zeros, or nearly: a few hundred kilobytes as it is sent
		huge = append(huge, tar.Header{Name: fmt.Sprintf("%d.rego", i), Size: engine.MaxFile, Typeflag: tar.TypeReg})
	}
	whole := archive(t, file("a.rego"))
	for _, c := range []struct {
		want string
		raw  []byte
	}{
		{`"../../etc/passwd" is no name`, archive(t, file("../../etc/passwd"))},
		{`"/../a.rego" is no name`, archive(t, file("/../a.rego"))},
		{`"a//b.rego" is no name`, archive(t, file("a//b.rego"))},
		{`"a\\b.rego" is no name`, archive(t, file(`a\b.rego`))},
		{"is in it twice", archive(t, file("a.rego"), file("./a.rego"))},
		{`"l" is no regular file`, archive(t, tar.Header{Name: "l", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink})},
		{`"h" is no regular file`, archive(t, tar.Header{Name: "h", Linkname: "a.rego", Typeflag: tar.TypeLink})},
		{"more than 10000 files", archive(t, many...)},
		{"is larger than 64 MiB", archive(t, tar.Header{Name: "a.rego", Size: engine.MaxFile + 1, Typeflag: tar.TypeReg})},
		{"more than 256 MiB", archive(t, huge...)},
		{"no .tar.gz", []byte("hello")},
		{"no .tar.gz", nil},
		{"EOF", whole[:len(whole)-9]}, // all files are there, only the checksum is not
		{"checksum", append(bytes.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8)},
	} {
		if _, err := unpack(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}

// What is packed is what is unpacked, and the same files are the same bytes.
func TestPack(t *testing.T) {
	files := map[string][]byte{"a.rego": []byte("package a"), "sub/data.json": []byte("{}"), ".manifest": []byte("{}")}
	var one, two bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &two} {
		if err := pack(w, files); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same files give other bytes")
	}
	got, err := unpack(one.Bytes())
	if err != nil || !maps.EqualFunc(got, files, bytes.Equal) {
		t.Errorf("%q %v", got, err)
	}
}
