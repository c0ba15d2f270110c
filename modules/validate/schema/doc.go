// Package schema holds JSON values to JSON Schemas (draft 2020-12), strictly and fast: santhosh-tekuri/jsonschema reads and resolves a schema, once,
// and a tree of checks is made of it that runs on values of strictjson, as they came, without another copy.
//
// It is stricter than JSON Schema in two ways, so that a schema says all that may come. Of an object whose schema names properties, members
// that no part of the schema speaks of are refused, as if unevaluatedProperties were false: a schema that wants others says so
// (additionalProperties, patternProperties, unevaluatedProperties). And a member that differs from a named property only in upper and lower case is
// refused everywhere, since readers that tell no case would take it for the property.
//
// Formats are asserted. Patterns are RE2: a schema with one that RE2 does not know fails to compile. $dynamicRef and other drafts fail, too.
//
// What a value costs is bounded: so many steps, then it is refused.
package schema
