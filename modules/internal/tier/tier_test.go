package tier

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	now := time.Unix(1e9, 0)
	table := New(func() time.Time { return now })
	is := func(subject, want string) {
		t.Helper()
		if got := table.Of(subject); got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
	}
	is("a", "")
	table.Set("a", "premium")
	is("a", "premium")
	is("b", "")
	table.Set("a", "standard")
	is("a", "standard")
	for _, nothing := range []string{"", strings.Repeat("x", longest+1)} {
		table.Set("a", nothing)
		is("a", "standard")
	}
	table.Set("", "premium")
	is("", "")
	now = now.Add(keep)
	is("a", "standard")
	table.Set("a", "standard") // heard of again
	now = now.Add(keep)
	is("a", "standard")
	now = now.Add(1)
	is("a", "")
	var none *Table
	none.Set("a", "premium")
	if none.Of("a") != "" {
		t.Error("a table that is not there knows something")
	}
}

// Who is heard of stays, whoever else comes by, and memory has a bound.
func TestTableIsBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	table := New(func() time.Time { return now })
	for i := range 5 * perGeneration {
		table.Set(strconv.Itoa(i), "standard")
		if i%(perGeneration/2) == 0 {
			table.Set("regular", "premium")
		}
		if n := len(table.young) + len(table.old); n > 2*perGeneration {
			t.Fatalf("%d subjects", n)
		}
	}
	if table.Of("regular") != "premium" || table.Of("0") != "" || table.Of(strconv.Itoa(5*perGeneration-1)) != "standard" {
		t.Error("it forgot the wrong ones")
	}
}
