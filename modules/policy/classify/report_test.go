package classify

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const document = `
openapi: 3.1.0
servers: [{url: 'https://api.example.com/v1/'}]
paths:
  /people/{id}:
    parameters: [{name: deep, in: query}, {name: id, in: path}]
    get:
      parameters: [{$ref: '#/components/parameters/q'}]
      responses:
        200: {content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}}
        404: {content: {application/json: {schema: {type: object, properties: {title: {}}}}}}
    put:
      requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {file: {type: string, format: binary}, name: {}}}}}}
      responses: {'204': {description: done}}
  /raw:
    post: {requestBody: {content: {'*/*': {}}}, responses: {default: {description: x}}}
  /ws:
    get:
      responses: {'101': {description: a socket}}
      x-websocket: {in: {say: {type: object, properties: {type: {}, text: {}}}}, out: {said: {$ref: '#/components/schemas/Person'}}}
components:
  parameters: {q: {name: q, in: query}}
  schemas:
    Person:
      type: object
      properties:
        name: {type: string}
        a/b: {}
        friends: {type: array, items: {$ref: '#/components/schemas/Person'}}
        home: {allOf: [{properties: {street: {}}}, {properties: {town: {}}}]}
`

func TestDescribe(t *testing.T) {
	list, err := Describe([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, d.Method+" "+d.Path)
	}
	if want := "[GET /v1/people/{id} PUT /v1/people/{id} POST /v1/raw GET /v1/ws]"; fmt.Sprint(got) != want {
		t.Error(got)
	}
	get := list[0]
	for _, p := range []string{"/name", "/a~1b", "/home/street", "/home/town", "/friends/*/name", "/friends/*/friends/*/name"} {
		if !slices.Contains(get.Response, p) {
			t.Errorf("%s is not described", p)
		}
	}
	if slices.Contains(get.Response, "/title") || slices.Contains(get.Response, "") || fmt.Sprint(get.Query) != "[deep q]" {
		t.Errorf("%+v", get)
	}
	if fmt.Sprint(list[1].Request) != "[/file /name]" || fmt.Sprintf("%q", list[2].Request) != `[""]` || fmt.Sprint(list[3].In) != "map[say:[/text]]" {
		t.Errorf("%+v", list)
	}
	for _, bad := range []string{"", "[]", "a: b", "{", "paths: 7"} {
		if _, err := Describe([]byte(bad)); err == nil {
			t.Errorf("%q is a document", bad)
		}
	}
	if list, err := Describe([]byte(`{"paths":{"/x":{"get":{"responses":{"200":{"$ref":"#/paths/~1x/get/responses/200"}}}}}}`)); err != nil || len(list) != 1 {
		t.Errorf("a circle: %v %v", list, err)
	}
}

func TestReport(t *testing.T) {
	tab := table(t, `{
		"GET /v1/people/{who}": {"response": {"/name": "personal", "/home": "internal", "/friends/*": "internal", "/gone": "public"}, "query": {"q": "public"}},
		"GET /v1/ws": {"in": {"say": {"/text": "confidential"}}, "out": {"said": {"": "internal"}, "never": {"/x": "public"}}},
		"POST /v1/raw": {"request": {"": "restricted"}}
	}`)
	documents, err := Describe([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport(tab, documents, []string{"GET /v1/people/7", "GET /metrics", "DELETE /v1/people/7", "GET /v1//x"})
	var got []string
	for _, m := range r.Unclassified {
		got = append(got, strings.Join(strings.Fields(m.Route+" "+m.Part+" "+m.Type+" "+m.Pointer), " "))
	}
	if want := []string{"DELETE /v1/people/7", "GET /metrics", "GET /v1/people/{id} query deep", "GET /v1/people/{id} response /a~1b", "PUT /v1/people/{id}"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if fmt.Sprint(r.Stale) != "[{GET /v1/people/{id} response  /gone} {GET /v1/ws out never /x}]" {
		t.Errorf("%v", r.Stale)
	}
	if r.Classes["personal"] != 1 || r.Classes["restricted"] != 1 || r.Classes["confidential"] != 1 || len(r.Routes) != 3 || r.Routes[1].Encrypted != 1 {
		t.Errorf("%+v", r)
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"paths":{"/x":{"get":{"responses":{"200":{"content":{"a/b":{"schema":{"$ref":"#"}}}}}}}}}`))
	raw, err := os.ReadFile("../../../caddyfiles/chat-openapi.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := Describe(raw)
		if err != nil {
			return
		}
		NewReport(&Table{}, list, nil)
	})
}
