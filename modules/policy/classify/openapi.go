package classify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Described is one operation of an OpenAPI document: the places in it that hold something.
type Described struct {
	Method, Path             string
	Request, Response, Query []string
	In, Out                  map[string][]string
}

// Bounds of what is read of a document that an operator names.
const (
	maxNesting   = 16      // of schemas in one another
	maxDescribed = 100_000 // places
)

var errOpenAPI = errors.New("it is no OpenAPI document")

// Describe reads an OpenAPI document (3.0 or 3.1, YAML or JSON). The places are those of bodies, of successful answers, of query parameters, and of the
// messages that gw_validate's x-websocket describes.
func Describe(document []byte) ([]Described, error) {
	d := describer{left: maxDescribed}
	var root any
	if err := yaml.Unmarshal(document, &root); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	d.root, _ = named(root).(map[string]any)
	paths, ok := d.root["paths"].(map[string]any)
	if !ok {
		return nil, errOpenAPI
	}
	base := d.base()
	var list []Described
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := d.object(paths[path])
		for _, method := range []string{"get", "put", "post", "delete", "options", "patch"} {
			if op := d.object(item[method]); op != nil {
				list = append(list, d.operation(strings.ToUpper(method), base+path, op, item))
			}
		}
	}
	if d.left < 0 {
		return nil, fmt.Errorf("the document describes more than %d places", maxDescribed)
	}
	return list, nil
}

// named gives the names of members as texts: YAML has numbers there, too, as the status 200.
func named(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[fmt.Sprint(name)] = named(member)
		}
		return out
	case map[string]any:
		for name, member := range v {
			v[name] = named(member)
		}
	case []any:
		for i, item := range v {
			v[i] = named(item)
		}
	}
	return v
}

type describer struct {
	root map[string]any
	left int
}

// base is the path of the first server.
func (d *describer) base() string {
	servers, _ := d.root["servers"].([]any)
	if len(servers) == 0 {
		return ""
	}
	at, _ := d.object(servers[0])["url"].(string)
	if _, rest, ok := strings.Cut(at, "://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		at = "/" + rest
	}
	return strings.TrimSuffix(at, "/")
}

// object is a value, or what it refers to; nil where that is no object.
func (d *describer) object(v any) map[string]any {
	for range maxNesting {
		o, _ := v.(map[string]any)
		ref, ok := o["$ref"].(string)
		if !ok {
			return o
		}
		if v = d.at(ref); v == nil {
			return nil
		}
	}
	return nil
}

func (d *describer) at(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || CheckPointer(pointer) != nil {
		return nil
	}
	var v any = d.root
	for _, name := range Segments(pointer) {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

func (d *describer) operation(method, path string, op, item map[string]any) Described {
	out := Described{Method: method, Path: path}
	for _, list := range []any{item["parameters"], op["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			if o := d.object(p); o["in"] == "query" {
				name, _ := o["name"].(string)
				out.Query = append(out.Query, name)
			}
		}
	}
	out.Request = d.content(d.object(op["requestBody"]))
	responses, _ := op["responses"].(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "2") {
			out.Response = append(out.Response, d.content(d.object(responses[status]))...)
		}
	}
	if socket := d.object(op["x-websocket"]); socket != nil {
		tells, ok := socket["type"].(string)
		if !ok {
			tells = "type"
		}
		out.In, out.Out = d.messages(socket["in"], tells), d.messages(socket["out"], tells)
	}
	for _, list := range []*[]string{&out.Request, &out.Response, &out.Query} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return out
}

func (d *describer) messages(v any, tells string) map[string][]string {
	types := d.object(v)
	out := make(map[string][]string, len(types))
	for kind, schema := range types {
		list := d.schema(nil, "", schema, 0)
		slices.Sort(list)
		out[kind] = slices.DeleteFunc(slices.Compact(list), func(p string) bool { return p == "" || p == "/"+tells })
	}
	return out
}

// content gives the places of a body, of whatever media type.
func (d *describer) content(body map[string]any) (places []string) {
	types, _ := body["content"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		places = d.schema(places, "", d.object(types[name])["schema"], 0)
	}
	return places
}

// schema adds the places of a schema, which stands at a pointer: its leaves.
func (d *describer) schema(to []string, at string, v any, depth int) []string {
	if d.left--; d.left < 0 {
		return to
	}
	o := d.object(v)
	if o == nil || depth > maxNesting {
		return append(to, at)
	}
	before := len(to)
	for _, of := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := o[of].([]any)
		for _, s := range list {
			to = d.schema(to, at, s, depth+1)
		}
	}
	properties, _ := o["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		to = d.schema(to, at+"/"+escapePointer(name), properties[name], depth+1)
	}
	if o["items"] != nil {
		to = d.schema(to, at+"/*", o["items"], depth+1)
	}
	if len(to) > before {
		// What is a whole beside its parts is no place of its own.
		return append(to[:before], slices.DeleteFunc(slices.Clone(to[before:]), func(p string) bool { return p == at && len(to)-before > 1 })...)
	}
	return append(to, at)
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
