package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// values are those of enum or const.
type values struct {
	texts  map[string]bool
	others map[string]bool // by their canonical text
}

// constants reads enum and const.
func constants(s *jsonschema.Schema) (enum, fixed *values, err error) {
	if s.Enum != nil {
		if enum, err = valuesOf(s.Enum.Values...); err != nil {
			return nil, nil, err
		}
	}
	if s.Const != nil {
		fixed, err = valuesOf(*s.Const)
	}
	return enum, fixed, err
}

func valuesOf(of ...any) (*values, error) {
	v := &values{texts: map[string]bool{}, others: map[string]bool{}}
	for _, value := range of {
		if text, ok := value.(string); ok {
			v.texts[text] = true
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("reading an allowed value: %w", err)
		}
		parsed, err := strictjson.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("reading an allowed value: %w", err)
		}
		v.others[string(canonical(nil, parsed))] = true
	}
	return v, nil
}

func (v *values) has(value *strictjson.Value) bool {
	if value.Kind == strictjson.String {
		return v.texts[value.Text]
	}
	return len(v.others) > 0 && v.others[string(canonical(nil, value))]
}

// unique tells whether no two items are equal.
func unique(items []strictjson.Value) bool {
	known := make(map[string]bool, len(items))
	for i := range items {
		text := string(canonical(nil, &items[i]))
		if known[text] {
			return false
		}
		known[text] = true
	}
	return true
}

// canonical writes a value so that equal ones, by JSON Schema, have equal texts: 1 and 1.0 are, and members in another order.
func canonical(to []byte, v *strictjson.Value) []byte {
	switch v.Kind {
	case strictjson.Number:
		return append(to, canonicalNumber(v.Text)...)
	case strictjson.String:
		return strconv.AppendQuote(to, v.Text)
	case strictjson.Array:
		to = append(to, '[')
		for i := range v.Items {
			to = append(canonical(to, &v.Items[i]), ',')
		}
		return append(to, ']')
	case strictjson.Object:
		sorted := slices.Clone(v.Members)
		slices.SortFunc(sorted, func(a, b strictjson.Member) int { return cmp.Compare(a.Name, b.Name) })
		to = append(to, '{')
		for i := range sorted {
			to = append(strconv.AppendQuote(to, sorted[i].Name), ':')
			to = append(canonical(to, &sorted[i].Value), ',')
		}
		return append(to, '}')
	case strictjson.Bool:
		return append(to, v.Text...)
	}
	return append(to, "null"...)
}

func canonicalNumber(text string) string {
	if n, ok := small(text); ok {
		return strconv.FormatInt(n, 10)
	}
	if r, ok := exact(text); ok {
		return r.RatString()
	}
	return text
}
