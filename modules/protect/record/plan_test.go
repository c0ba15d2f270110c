package record

import "testing"

func yes(string) bool { return true }

func TestCompileNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		specs      []Spec
		classified []string
	}{
		"no type":               {specs: []Spec{{KeySet: "k"}}},
		"no key set":            {specs: []Spec{{Type: "m"}}},
		"unknown variable":      {specs: []Spec{{Type: "m", KeySet: "{"}}},
		"a place given twice":   {specs: []Spec{{Type: "m", KeySet: "k"}, {Type: "n", KeySet: "k"}}},
		"a member named twice":  {specs: []Spec{{Type: "m", KeySet: "k", Encrypt: []Member{{Name: "a", As: "x"}, {Name: "a", As: "y"}}}}},
		"index of itself":       {specs: []Spec{{Type: "m", KeySet: "k", Index: []Index{{"a", "A"}}}}},
		"a direction of no use": {specs: []Spec{{Type: "m", KeySet: "k", In: "both"}}},
		"no pointer":            {specs: []Spec{{Type: "m", KeySet: "k", Pointer: "messages"}}},
		"no place":              {specs: []Spec{{Type: "m", KeySet: "k", Pointer: "/message"}}, classified: []string{"/text"}},
	} {
		if _, err := Compile(c.specs, Request, c.classified, yes); err == nil {
			t.Errorf("%s: it compiles", name)
		}
	}
}
