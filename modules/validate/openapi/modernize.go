package openapi

import "encoding/json"

// modernize rewrites the schemas of an OpenAPI 3.0 document, whose dialect is its own, as JSON Schema has them: nullable becomes a type, and
// exclusive bounds become numbers.
func modernize(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			modernize(item)
		}
	case map[string]any:
		for name, member := range v {
			named, ok := member.(map[string]any)
			switch {
			case name == "example", name == "examples", name == "default", name == "enum":
				continue // data
			case ok && name == "properties": // which may have any name
				for _, schema := range named {
					modernize(schema)
				}
				continue
			}
			modernize(member)
		}
		if isSchema(v) {
			nullable(v)
			exclusive(v, "minimum", "exclusiveMinimum")
			exclusive(v, "maximum", "exclusiveMaximum")
		}
	}
}

// isSchema tells a schema from an object of properties that have the names of keywords.
func isSchema(v map[string]any) bool {
	_, nullable := v["nullable"].(bool)
	_, low := v["exclusiveMinimum"].(bool)
	_, high := v["exclusiveMaximum"].(bool)
	return nullable || low || high
}

func nullable(s map[string]any) {
	if s["nullable"] != true {
		return
	}
	delete(s, "nullable")
	if t, ok := s["type"].(string); ok {
		s["type"] = []any{t, "null"}
	}
	if values, ok := s["enum"].([]any); ok {
		s["enum"] = append(values, nil)
	}
}

func exclusive(s map[string]any, bound, flag string) {
	on, ok := s[flag].(bool)
	if !ok {
		return
	}
	delete(s, flag)
	if n, given := s[bound].(json.Number); on && given {
		s[flag] = n
		delete(s, bound)
	}
}
