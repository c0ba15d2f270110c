package schema

import (
	"fmt"
	"strings"
	"testing"
)

const message = `{
	"type": "object",
	"required": ["id", "text"],
	"properties": {
		"id": {"type": "string", "readOnly": true},
		"text": {"type": "string", "minLength": 1, "maxLength": 5},
		"count": {"type": "integer", "minimum": 1, "maximum": 100},
		"kind": {"enum": ["a", "b", 1]},
		"secret": {"type": "string", "writeOnly": true},
		"tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "maxItems": 2, "uniqueItems": true},
		"open": {"type": "object", "properties": {"x": {"type": "number", "exclusiveMaximum": 1.5}}, "additionalProperties": {"type": "string"}},
		"free": {"type": "object"}
	}
}`

func TestFaults(t *testing.T) {
	sent, answered := compiled(t, message, Sent), compiled(t, message, Answered)
	for _, c := range []struct {
		schema      *Schema
		value, want string
	}{
		{sent, `{"text":"hello"}`, ""},
		{sent, `{"text":"héllo","count":1.0,"kind":1e0,"tags":["a","b"],"open":{"x":1,"y":"z"},"free":{"a":[{}]}}`, ""},
		{sent, `{}`, "/text is missing"},
		{sent, `[]`, " must be an object"},
		{sent, `{"text":7}`, "/text must be a string"},
		{sent, `{"text":""}`, "/text has fewer than 1 character"},
		{sent, `{"text":"toolong"}`, "/text has more than 5 characters"},
		{sent, `{"text":"a","count":0}`, "/count is less than 1"},
		{sent, `{"text":"a","count":101}`, "/count is more than 100"},
		{sent, `{"text":"a","count":1e2}`, ""},
		{sent, `{"text":"a","count":1.5}`, "/count must be a whole number"},
		{sent, `{"text":"a","count":1e999}`, "/count must be a whole number"},
		{sent, `{"text":"a","kind":"c"}`, "/kind is not one of the allowed values"},
		{sent, `{"text":"a","id":"x"}`, "/id is not the client's to set"},
		{answered, `{"id":"x","text":"a"}`, ""},
		{answered, `{"text":"a"}`, "/id is missing"},
		{answered, `{"id":"x","text":"a","secret":"s"}`, "/secret is not for readers"},
		{sent, `{"text":"a","secret":"s"}`, ""},
		{sent, `{"text":"a","tags":["a","B"]}`, "/tags/1 does not have the form that it must have"},
		{sent, `{"text":"a","tags":["a","b","c"]}`, "/tags has more than 2 items"},
		{sent, `{"text":"a","tags":["a","a"]}`, "/tags has an item twice"},
		{sent, `{"text":"a","open":{"x":1.5}}`, "/open/x is not less than 1.5"},
		{sent, `{"text":"a","open":{"y":1}}`, "/open/y must be a string"},
		// Unknown members are refused where the schema says nothing of them, at every depth; those that could be taken for a known one everywhere.
		{sent, `{"text":"a","role":"admin"}`, "/role is not a known member"},
		{sent, `{"text":"a","Text":"b"}`, "/Text differs from a known member only in upper and lower case"},
		{sent, `{"Text":"b"}`, "/text is missing; /Text differs from a known member only in upper and lower case"},
		{sent, `{"text":"a","open":{"X":"b"}}`, "/open/X differs from a known member only in upper and lower case"},
		{sent, `{"text":"a","ta\u0067\u017f":[]}`, "/tagſ differs from a known member only in upper and lower case"},
		{sent, `{"text":"a","a/b~c":1}`, "/a~1b~0c is not a known member"},
	} {
		if got := told(c.schema.Check(parsed(t, c.value), 8)); got != c.want {
			t.Errorf("%s: %q, want %q", c.value, got, c.want)
		}
	}
}

// Where schemas are combined, a member is known that any of those that fit speaks of.
func TestUnknownMembersOfCombinedSchemas(t *testing.T) {
	s := compiled(t, `{
		"$defs": {"base": {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}},
		"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"room": {"type": "string"}}}],
		"oneOf": [
			{"properties": {"type": {"const": "a"}, "a": {"type": "integer"}}, "required": ["a"]},
			{"properties": {"type": {"const": "b"}, "b": {"type": "integer"}}, "required": ["b"]}
		]
	}`, Sent)
	for value, want := range map[string]string{
		`{"type":"a","room":"r","a":1}`:       "",
		`{"type":"b","b":1}`:                  "",
		`{"type":"a","a":1,"b":1}`:            "/b is not a known member",
		`{"type":"a","room":"r","a":1,"x":1}`: "/x is not a known member",
		`{"type":"a","x":1}`:                  " fits none of the alternatives",
		`{"type":"a","a":1,"A":1}`:            "/A differs from a known member only in upper and lower case",
	} {
		if got := told(s.Check(parsed(t, value), 8)); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

// What goes into records holds no name that a sender chose.
func TestRecordsHoldNothingSent(t *testing.T) {
	s := compiled(t, message, Sent)
	faults := s.Check(parsed(t, `{"text":"a","tags":["b",7],"open":{"card-4111111111111111":1},"card-4111111111111111":"x"}`), 8)
	for _, f := range faults {
		if strings.Contains(f.Place+f.Reason, "4111") {
			t.Errorf("%+v", f)
		}
	}
	if len(faults) != 3 || faults[0].Place != "/tags/*" || faults[1].Place != "/open/*" || faults[2].Place != "/*" {
		t.Errorf("%+v", faults)
	}
	long := s.Check(parsed(t, `{"text":"a","`+strings.Repeat("x", 10_000)+`":1}`), 8)
	if len(long) != 1 || len(long[0].Pointer) > longestPointer+len("…") {
		t.Errorf("a pointer of %d bytes", len(long[0].Pointer))
	}
}

// Alternatives that hold alternatives double the work with each level: a value of some hundred bytes must not take hours.
func TestWorkIsBounded(t *testing.T) {
	s := compiled(t, `{
		"anyOf": [
			{"type": "object", "properties": {"x": {"$ref": "#"}, "a": {"const": 1}}, "required": ["x", "a"]},
			{"type": "object", "properties": {"x": {"$ref": "#"}, "b": {"const": 1}}, "required": ["x", "b"]},
			{"type": "null"}
		]
	}`, Sent)
	deep := func(n int) string { return strings.Repeat(`{"a":1,"b":1,"x":`, n) + "null" + strings.Repeat("}", n) }
	if faults := s.Check(parsed(t, deep(8)), 8); len(faults) != 0 {
		t.Errorf("%+v", faults)
	}
	r := run{most: 8}
	if r.enter(s.root, parsed(t, deep(40)), nil) || r.steps > maxSteps+1024 || len(r.faults) != 1 || r.faults[0].Kind != Complex {
		t.Errorf("%d steps, %+v", r.steps, r.faults)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	s := compiled(t, `{"type":"array","items":{"type":"string"}}`, Sent)
	r := run{most: 3}
	if r.enter(s.root, parsed(t, "["+strings.Repeat("1,", 1000)+"1]"), nil) || len(r.faults) != 3 || r.steps > 10 {
		t.Errorf("%d faults in %d steps", len(r.faults), r.steps)
	}
}

func TestObjectsOfManyMembers(t *testing.T) {
	var properties, members []string
	for i := range 200 {
		properties = append(properties, fmt.Sprintf(`"m%d":{"type":"integer"}`, i))
		members = append(members, fmt.Sprintf(`"m%d":1`, i))
	}
	s := compiled(t, `{"allOf":[{"type":"object","properties":{`+strings.Join(properties, ",")+`}}]}`, Sent)
	if got := told(s.Check(parsed(t, "{"+strings.Join(members, ",")+"}"), 8)); got != "" {
		t.Error(got)
	}
	if got := told(s.Check(parsed(t, "{"+strings.Join(members, ",")+`,"x":1}`), 8)); got != "/x is not a known member" {
		t.Error(got)
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ format, good, bad string }{
		{"date-time", `"2026-01-02T03:04:05.678Z"`, `"yesterday"`},
		{"uuid", `"019be0a6-7c1b-7c30-9c4c-0242ac120002"`, `"019be0a6"`},
		{"ulid", `"01ARZ3NDEKTSV4RRFFQ69G5FAV"`, `"01ARZ3NDEKTSV4RRFFQ69G5FA!"`},
		{"byte", `"aGk="`, `"aGk"`},
		{"email", `"a@b.org"`, `"a"`},
		{"int32", `2147483647`, `2147483648`},
		{"int32", `-2147483648`, `-2147483649`},
		{"int32", `2e9`, `3e9`},
		{"int64", `9223372036854775807`, `9223372036854775808`},
		{"int64", `9007199254740993`, `1.5`},
	} {
		s := compiled(t, `{"format":"`+c.format+`"}`, Sent)
		if faults := s.Check(parsed(t, c.good), 1); len(faults) > 0 {
			t.Errorf("%s: %s is refused: %+v", c.format, c.good, faults)
		}
		if len(s.Check(parsed(t, c.bad), 1)) == 0 {
			t.Errorf("%s: %s passes", c.format, c.bad)
		}
	}
}

func TestSchemasThatFail(t *testing.T) {
	for text, want := range map[string]string{
		`{"pattern":"(?=a)"}`:                        "regex",
		`{"type":"text"}`:                            "type",
		`{"$ref":"#/$defs/none"}`:                    "none",
		`{"$ref":"file:///etc/passwd"}`:              "another document",
		`{"$ref":"https://example.org/schema.json"}`: "another document",
		`{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}`: "refers to itself",
		`{"allOf":[{"$ref":"#"}]}`:                                       "refers to itself",
		`{"$dynamicAnchor":"x","properties":{"a":{"$dynamicRef":"#x"}}}`: "$dynamicRef",
	} {
		set, err := NewSet(document(t, text))
		if err == nil {
			_, err = set.Compile("", Sent)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
