package schema

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// document reads JSON as a set takes it.
func document(t testing.TB, text string) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func compiled(t testing.TB, text string, d Direction) *Schema {
	t.Helper()
	set, err := NewSet(document(t, text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := set.Compile("", d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parsed(t testing.TB, text string) *strictjson.Value {
	t.Helper()
	v, err := strictjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(text, err)
	}
	return v
}

// told are the faults in short: pointer and reason, one a line.
func told(faults []Fault) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Pointer+" "+f.Reason)
	}
	return strings.Join(lines, "; ")
}
