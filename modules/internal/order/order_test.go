package order

import (
	"slices"
	"testing"
)

func TestNoDirectiveStandsTwice(t *testing.T) {
	all := append(slices.Clone(outsideEncode), insideEncode...)
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Fatal(all)
	}
}
