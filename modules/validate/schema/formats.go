package schema

import (
	"encoding/base64"

	"github.com/oklog/ulid/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// numeric formats are those of OpenAPI that numbers are held to. Others that say nothing of a text (binary, password) are not asserted, nor are unknown ones.
func numeric(name string) bool { return name == "int32" || name == "int64" }

// formats are those that JSON Schema does not have itself.
var formats = []*jsonschema.Format{
	{Name: "int32", Validate: anything},
	{Name: "int64", Validate: anything},
	{Name: "byte", Validate: text(func(s string) error {
		_, err := base64.StdEncoding.Strict().DecodeString(s)
		return err
	})},
	{Name: "ulid", Validate: text(func(s string) error {
		_, err := ulid.ParseStrict(s)
		return err
	})},
}

func anything(any) error { return nil }

func text(f func(string) error) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); ok {
			return f(s)
		}
		return nil
	}
}
