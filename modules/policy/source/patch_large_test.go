package source

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// A patch of some hundred bytes can copy what it has copied: the document that it makes is not written out to find that it is too large.
func TestPatchesThatMultiply(t *testing.T) {
	r := node(t, dbtest.New(t), asking(t))
	if err := r.put("seed", `{"a": {"x": "`+strings.Repeat("x", 1000)+`"}}`); err != nil {
		t.Fatal(err)
	}
	const doublings = 18
	var by strings.Builder
	for i := range doublings {
		fmt.Fprintf(&by, `{"op":"copy","from":"/a","path":"/b%d"},{"op":"add","path":"/a","value":{}},{"op":"copy","from":"/b%d","path":"/a/l"},{"op":"move","from":"/b%d","path":"/a/r"},`, i, i, i)
	}
	patch := "[" + strings.TrimSuffix(by.String(), ",") + "]"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.keeper.Patch(t.Context(), names(t, "seed"), []byte(patch), Patch)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "64 MiB") {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*MaxDocument {
		t.Errorf("it took %d MiB", took>>20)
	}
	if len(r.sees("seed")) > 2000 {
		t.Error("it is in force")
	}
}

// What one gateway has put together, the next one must be able to read: a document that nests too deep would keep it from starting.
func TestPatchesThatNestTooDeep(t *testing.T) {
	config, folder := dbtest.New(t), asking(t)
	r := node(t, config, folder)
	half := strings.Repeat(`{"a":`, 6000) + `1` + strings.Repeat(`}`, 6000)
	if err := r.put("deep", `{"x": `+half+`, "y": `+half+`}`); err != nil {
		t.Fatal(err)
	}
	patch := `[{"op":"move","from":"/y","path":"/x` + strings.Repeat("/a", 6000) + `"}]`
	if _, err := r.keeper.Patch(t.Context(), names(t, "deep"), []byte(patch), Patch); !errors.Is(err, ErrUnfit) {
		t.Error(err)
	}
	if err := r.put("deep/x"+strings.Repeat("/a", 20), half); err != nil {
		t.Fatal(err)
	}
	if err := r.put("deep/y", strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)); !errors.Is(err, ErrUnfit) {
		t.Error(err)
	}
	node(t, config, folder)
}
