package view

import "strings"

// OpenAPI describes the admin API of these views as OpenAPI 3.1, to be marshalled. version is the gateway's.
func (s *Set) OpenAPI(version string) any {
	paths := map[string]any{
		"/gateway/views": operations("get", operation("views", "Which views there are", nil, "application/json", nil)),
	}
	for _, v := range s.All() {
		v.openAPI(paths)
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "ConvoSphere Gateway: admin API", "version": version,
			"description": "What the console shows and does, over Caddy's admin endpoint. Whoever reaches that may do everything: it is a Unix socket or a loopback address, or asks for client certificates.",
		},
		"paths": paths,
		"components": map[string]any{"schemas": map[string]any{
			"Error": object(map[string]any{"error": text()}, "error"),
			"Done": object(map[string]any{"message": text(), "undo": object(map[string]any{
				"view": text(), "action": text(), "id": text(), "values": map[string]any{"type": "object", "additionalProperties": text()},
			}, "view", "action")}, "message"),
		}},
	}
}

// openAPI adds the paths of one view.
func (v *View) openAPI(paths map[string]any) {
	at := "/gateway/views/" + v.Name
	paths[at] = operations("get", operation(v.Name, v.Title+": "+v.About, v.parameters(), "application/json", v.answer()))
	if v.Live != nil {
		paths[at+"/live"] = operations("get", operation(v.Name+"-live", v.Title+", as they happen", v.parameters(), "text/event-stream", nil))
	}
	if v.Item != nil {
		paths[at+"/items/{id}"] = operations("get", operation(v.Name+"-item", "One of them", []any{pathID()}, "application/json", map[string]any{"type": "object"}))
	}
	for _, d := range v.Documents {
		kind, _, _ := strings.Cut(d.Kind, ";")
		paths[at+"/items/{id}/documents/"+d.Name] = operations("get", operation(v.Name+"-"+d.Name, d.Title, []any{pathID()}, kind, nil))
	}
	for i := range v.Actions {
		a := &v.Actions[i]
		op := operation(v.Name+"-"+a.Name, a.Ask, nil, "application/json", map[string]any{"$ref": "#/components/schemas/Done"})
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": a.body()}}}
		paths[at+"/actions/"+a.Name] = operations("post", op)
	}
}

func operations(method string, op map[string]any) map[string]any { return map[string]any{method: op} }

func operation(name, summary string, parameters []any, kind string, schema map[string]any) map[string]any {
	content := map[string]any{}
	if schema != nil {
		content["schema"] = schema
	}
	op := map[string]any{
		"operationId": name, "summary": summary,
		"responses": map[string]any{
			"200":     map[string]any{"description": "It is so", "content": map[string]any{kind: content}},
			"default": map[string]any{"description": "What is wrong", "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Error"}}}},
		},
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	return op
}

func pathID() map[string]any {
	return map[string]any{"name": "id", "in": "path", "required": true, "schema": text()}
}

// parameters are those of the address.
func (v *View) parameters() []any {
	list := []any{}
	add := func(name, about string, schema map[string]any) {
		list = append(list, map[string]any{"name": name, "in": "query", "description": about, "schema": schema})
	}
	for _, f := range v.Filters {
		schema := schemaOf(f.Kind, f.Choices, true)
		if f.Default != "" {
			schema["default"] = f.Default
		}
		add(f.Name, f.Title, schema)
	}
	if v.Rows == nil {
		return list
	}
	sorts := []any{}
	for _, c := range v.Columns {
		if c.Sort {
			sorts = append(sorts, c.Name, "-"+c.Name)
		}
	}
	if len(sorts) > 0 {
		add(ParamSort, "A column; with - the other way round", map[string]any{"type": "string", "enum": sorts})
	}
	add(ParamAfter, "`next` of the page before", text())
	add(ParamLimit, "Rows of a page", map[string]any{"type": "integer", "minimum": 1, "maximum": MostRows, "default": UsualRows})
	formats := []any{"csv"}
	if v.Panels != nil {
		formats = append(formats, "panels")
	}
	add("format", "All rows as CSV, or the figures above the table", map[string]any{"type": "string", "enum": formats})
	return list
}

// answer is a page of rows.
func (v *View) answer() map[string]any {
	if v.Rows == nil {
		return object(map[string]any{"panels": map[string]any{"type": "array"}}, "panels")
	}
	cells := map[string]any{"id": text()}
	for _, c := range v.Columns {
		schema := schemaOf(c.Kind, nil, false)
		schema["title"] = c.Title
		cells[c.Name] = schema
	}
	return object(map[string]any{
		"rows": map[string]any{"type": "array", "items": object(cells)}, "next": text(), "total": map[string]any{"type": "integer"}, "note": text(),
	}, "rows")
}

// body is what an action is asked with.
func (a *Action) body() map[string]any {
	values, required := map[string]any{}, []string{}
	for _, f := range a.Fields {
		schema := schemaOf(f.Kind, f.Choices, true)
		schema["title"] = f.Title
		if f.Default != "" {
			schema["default"] = f.Default
		}
		values[f.Name] = schema
		if f.Required {
			required = append(required, f.Name)
		}
	}
	members, needed := map[string]any{"by": text(), "version": text()}, []string{}
	if a.On != OnView {
		members["id"], needed = text(), append(needed, "id")
	}
	if len(values) > 0 {
		fields := object(values, required...)
		fields["additionalProperties"] = false
		members["values"] = fields
	}
	if len(required) > 0 {
		needed = append(needed, "values")
	}
	return object(members, needed...)
}

// schemaOf is that of a kind of values. What is asked for is always text; what is answered has its own type.
func schemaOf(k Kind, choices []string, asked bool) map[string]any {
	if len(choices) > 0 {
		return map[string]any{"type": "string", "enum": choices}
	}
	if asked {
		return text()
	}
	switch k {
	case Number, Percent, Duration, Bytes:
		return map[string]any{"type": "number"}
	case Flag:
		return map[string]any{"type": "boolean"}
	case Time:
		return map[string]any{"type": "string", "format": "date-time"}
	case Texts:
		return map[string]any{"type": "array", "items": text()}
	}
	return text()
}

func text() map[string]any { return map[string]any{"type": "string"} }

func object(members map[string]any, required ...string) map[string]any {
	out := map[string]any{"type": "object", "properties": members}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
