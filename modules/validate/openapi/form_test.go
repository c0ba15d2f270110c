package openapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

const search = `{
	"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "servers": [{"url": "https://example.org/v1/"}],
	"paths": {
		"/search/{kind}/": {
			"parameters": [{"name": "kind", "in": "path", "required": true, "schema": {"enum": ["a", "b"]}}],
			"get": {
				"parameters": [
					{"name": "q", "in": "query", "required": true, "schema": {"type": "string", "minLength": 1}},
					{"name": "id", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}},
					{"name": "tag", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}},
					{"name": "pipe", "in": "query", "style": "pipeDelimited", "explode": false, "schema": {"type": "array", "items": {"type": "boolean"}}},
					{"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"min": {"type": "integer"}, "in": {"type": "array", "items": {"type": "string"}}}}},
					{"name": "json", "in": "query", "content": {"application/json": {"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}}},
					{"name": "flag", "in": "query", "allowEmptyValue": true, "schema": {"type": "boolean"}},
					{"name": "x-count", "in": "header", "schema": {"type": "integer"}},
					{"name": "theme", "in": "cookie", "schema": {"enum": ["dark", "light"]}}
				],
				"responses": {"2XX": {"description": "x"}}
			},
			"post": {
				"requestBody": {"content": {
					"application/x-www-form-urlencoded": {"schema": {"type": "object", "required": ["name"], "properties": {
						"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}, "ok": {"type": "boolean"}, "tags": {"type": "array", "items": {"type": "string"}}}}},
					"application/*": {}, "image/png": {}}},
				"responses": {"default": {"description": "x"}}
			}
		}
	}
}`

func loaded(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParameters(t *testing.T) {
	d := loaded(t, search)
	for _, c := range []struct{ target, want string }{
		{"/v1/search/a?q=x", ""},
		{"/v1/search/a/?q=x&id=1&id=2&tag=a,b&pipe=true|false&filter[min]=1&filter[in]=a&filter[in]=b&json=%7B%22a%22:1%7D&flag=", ""},
		{"/v1/search/c?q=x", "path kind is not one of the allowed values"},
		{"/v1/search/a", "query q is missing"},
		{"/v1/search/a?q=", "query q has fewer than 1 character"},
		{"/v1/search/a?q=1", ""},
		{"/v1/search/a?q=x&id=1&id=x", "query id/1 must be a whole number"},
		{"/v1/search/a?q=x&id=1&id=2&id=3", "query id has more than 2 items"},
		{"/v1/search/a?q=x&tag=a&tag=b", "query tag is given twice"},
		{"/v1/search/a?q=x&pipe=true|maybe", "query pipe/1 must be true or false"},
		{"/v1/search/a?q=x&filter[min]=one", "query filter/min must be a whole number"},
		{"/v1/search/a?q=x&filter[max]=1", "query filter/max is not a known member"},
		{"/v1/search/a?q=x&filter[min]=1&filter[min]=2", "query filter/min is given twice"},
		{"/v1/search/a?q=x&filter=1", "query filter is not a known parameter"},
		{"/v1/search/a?q=x&filter[min][x]=1", "query filter[min][x] is not a known parameter"},
		{"/v1/search/a?q=x&q[]=y", "query q[] is not a known parameter"},
		{"/v1/search/a?q=x&json={", "query json must be JSON"},
		{"/v1/search/a?q=x&json=%7B%22a%22:1,%22a%22:2%7D", "query json must be JSON"},
		{"/v1/search/a?q=x&json=%7B%22b%22:1%7D", "query json/b is not a known member"},
		{"/v1/search/a?q=x&flag=maybe", "query flag must be true or false"},
		{"/v1/search/a?q=x&&", ""},
		{"/v1/search/a?q=x&" + strings.Repeat("y", 200) + "=1", "query " + strings.Repeat("y", 64) + "… is not a known parameter"},
	} {
		op, faults := asked(t, d, "GET", c.target)
		if op == nil || told(faults) != c.want {
			t.Errorf("%s: %q, want %q", c.target, told(faults), c.want)
		}
	}
}

func TestHeadersAndCookies(t *testing.T) {
	d := loaded(t, search)
	for _, c := range []struct {
		header http.Header
		want   string
	}{
		{http.Header{"X-Count": {"1"}, "Cookie": {"theme=dark; other=x"}, "X-Other": {"x"}}, ""},
		{http.Header{"X-Count": {"one"}}, "header x-count must be a whole number"},
		{http.Header{"X-Count": {"1", "2"}}, "header x-count is given twice"},
		{http.Header{"Cookie": {"theme=dark; theme=light"}}, "cookie theme is given twice"},
		{http.Header{"Cookie": {"theme=red"}}, "cookie theme is not one of the allowed values"},
	} {
		r := httptest.NewRequest("GET", "/v1/search/a?q=x", nil)
		r.Header = c.header
		segs, err := route.Segments(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Find(segs)
		if err != nil {
			t.Fatal(err)
		}
		if got := told(p.Operation("GET").Parameters(p, r, segs)); got != c.want {
			t.Errorf("%v: %q, want %q", c.header, got, c.want)
		}
	}
}

func TestForms(t *testing.T) {
	op, _ := asked(t, loaded(t, search), "POST", "/v1/search/a")
	m, ok := op.Body.Media("application/x-www-form-urlencoded")
	if !ok || !m.Form {
		t.Fatal(m, ok)
	}
	for form, want := range map[string]string{
		"name=a&age=18&ok=true&tags=x&tags=y": "",
		"name=7":                              "",
		"age=17":                              "body /name is missing; body /age is less than 18",
		"name=a&name=b":                       "body /name is given twice",
		"name=a&n%61me=b":                     "body /name is given twice",
		"name=a&Name=b":                       "body /Name differs from a known member only in upper and lower case",
		"name=a&role=admin":                   "body /role is not a known member",
		"name=%zz":                            "body  is not well encoded",
		"name=a;name=b":                       "body  is not well encoded",
	} {
		if got := told(m.Fields(form)); got != want {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
	for mediaType, taken := range map[string]bool{"image/png": true, "image/gif": false, "application/pdf": true, "application/json": true, "": false, "text/plain": false} {
		if m, ok := op.Body.Media(mediaType); ok != taken || m.JSON != (mediaType == "application/json") {
			t.Errorf("%s: %v %+v", mediaType, ok, m)
		}
	}
}

// OpenAPI 3.0 has a dialect of its own.
func TestOlderDocuments(t *testing.T) {
	d := loaded(t, `
openapi: 3.0.3
info: {title: x, version: '1'}
paths:
  /a:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                name: {type: string, nullable: true}
                kind: {type: string, nullable: true, enum: [a]}
                example: {type: string, nullable: true}
                price: {type: number, minimum: 0, exclusiveMinimum: true}
      responses: {'200': {description: x}}
`)
	op, _ := asked(t, d, "POST", "/a")
	m, _ := op.Body.Media("application/json")
	for text, want := range map[string]string{
		`{"name":null,"kind":null,"example":null,"price":0.1}`: "",
		`{"price":0}`:    "body /price is not more than 0",
		`{"kind":"b"}`:   "body /kind is not one of the allowed values",
		`{"price":null}`: "body /price must be a number",
	} {
		v, err := strictjson.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := told(m.Check(InBody, v)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// What could not be held fails at load.
func TestDocumentsThatFail(t *testing.T) {
	replace := func(old, new string) string {
		if !strings.Contains(search, old) {
			t.Fatal(old)
		}
		return strings.Replace(search, old, new, 1)
	}
	for text, want := range map[string]string{
		"":                               "empty",
		"[]":                             "3.0 or 3.1",
		"a: &a [x]\nb: *a\n":             "3.0 or 3.1",
		"openapi: 3.1.0\nopenapi: 3.1.0": "given twice",
		`{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{}}`:                                    "no operation",
		replace(`"schema": {"enum": ["dark", "light"]}`, `"schema": {"$ref": "other.json#/x"}`):                "other.json",
		replace(`"schema": {"enum": ["dark", "light"]}`, `"schema": {"$ref": "file:///etc/passwd"}`):           "passwd",
		replace(`"schema": {"enum": ["dark", "light"]}`, `"schema": {"type": "string", "pattern": "(?<=a)b"}`): "regex",
		replace(`"/search/{kind}/"`, `"/search/{kind}.json"`):                                                  "kind",
		replace(`"style": "deepObject", `, ``):                                                                 "deepObject",
		replace(`"get": {`, `"servers": [{"url": "/other"}], "get": {`):                                        "servers of a single path",
		replace(`https://example.org/v1/`, `https://example.org/{version}/`):                                   "server",
	} {
		if _, err := Load([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s…: %v, want %q", text, err, want)
		}
	}
}

// Whatever comes as a query or a form, it is read without a fault of ours, and what passes is what net/url reads.
func FuzzQuery(f *testing.F) {
	d := loaded(f, search)
	segs := []string{"v1", "search", "a"}
	p, err := d.Find(segs)
	if err != nil {
		f.Fatal(err)
	}
	form, _ := p.Operation("POST").Body.Media("application/x-www-form-urlencoded")
	for _, s := range []string{"q=x&id=1&id=2", "filter[min]=1&q=%41", "json=%7B%7D&q=a;b", "name=a&age=18&tags=x&tags=y", "q=x&&=&%", "q=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/v1/search/a", nil)
		r.URL.RawQuery = raw
		for _, faults := range [][]Fault{p.Operation("GET").Parameters(p, r, segs), form.Fields(raw)} {
			if len(faults) > maxFaults {
				t.Errorf("%d faults", len(faults))
			}
			for _, fault := range faults {
				if len(fault.Pointer) > 512 || strings.Contains(fault.Reason, raw) && len(raw) > 8 {
					t.Errorf("%+v", fault)
				}
			}
		}
		if len(p.Operation("GET").Parameters(p, r, segs)) > 0 {
			return
		}
		if q := r.URL.Query(); len(q["q"]) != 1 || len(q["id"]) > 2 || len(q["flag"]) > 1 {
			t.Errorf("%q passes, and is %v", raw, q)
		}
	})
}
