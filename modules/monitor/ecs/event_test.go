package ecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const line = `{"@timestamp":"2026-11-27T03:14:15.926535Z","event.id":"HU2K7QWMZ5TPAXLB-1z","event.category":"web","event.action":"http-request","event.outcome":"success",` +
	`"http.request.id":"01JDM3Q6V0Z6J6M3W6P1T7T2ZQ","http.request.method":"GET","url.domain":"chat.example.com","url.path":"/api/rooms/01JDM3Q6V0/messages",` +
	`"gateway.route":"messages","http.response.status_code":200,"http.response.body.bytes":5123,"event.duration":1834000,` +
	`"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36","source.ip":"203.0.113.7",` +
	`"user.id":"u_01JDM3Q6V0Z6J6M3W6P1T7T2ZQ","user.roles":["user","premium"],"gateway.session":"s_9f8e7d6c5b4a","gateway.node":"n1"}` + "\n"

func TestParse(t *testing.T) {
	var e Event
	if err := e.Parse([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if got, want := e.Time(), time.Date(2026, 11, 27, 3, 14, 15, 926535000, time.UTC); !got.Equal(want) {
		t.Errorf("time %s", got)
	}
	if e.ID() != "HU2K7QWMZ5TPAXLB-1z" || e.Text("url.path") != "/api/rooms/01JDM3Q6V0/messages" || e.Text("nothing") != "" {
		t.Errorf("%+v", e.Fields())
	}
	if n, ok := e.Number("http.response.status_code"); !ok || n != 200 {
		t.Error(n, ok)
	}
	if got := e.Values("user.roles"); !slices.Equal(got, []Value{{Text, "user"}, {Text, "premium"}}) {
		t.Error(got)
	}
	e.Set("url.query", "a=b")
	e.Set("gateway.node", "n2")
	if e.Text("url.query") != "a=b" || e.Text("gateway.node") != "n2" || !e.Has("url.query") || e.Has("url.fragment") {
		t.Error("Set")
	}
}

// What an event says is the same however it is nested, and a name that comes twice hides nothing.
func TestShapes(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                                    ``,
		` { "a" : { "b" : 1 , "c":{} } } `:      `a.b=1`,
		`{"a":{"b":{"c":"x"}},"a.b":{"c":"y"}}`: `a.b.c=x a.b.c=y`,
		`{"a":1,"b":2,"a":3}`:                   `a=1 a=3 b=2`,
		`{"a":[]}`:                              ``,
		`{"a":[1,[2,"3"],{"b":4},{"b":5}]}`:     `a=1 a=2 a=3 a.b=4 a.b=5`,
		`{"a":[{"b":1},2]}`:                     `a.b=1 a=2`,
		`{"a":null,"b":true,"c":-0.5e+3}`:       `a=null b=true c=-0.5e+3`,
		`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx"}`: "a=\"\\/\b\f\n\r\té😀\uFFFDx",
	} {
		var e Event
		if err := e.Parse([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := flat(&e); got != want {
			t.Errorf("%s gives\n%s, want\n%s", in, got, want)
		}
	}
}

func flat(e *Event) string {
	var all []string
	for _, f := range e.Fields() {
		all = append(all, f.Name+"="+f.Value.Text)
	}
	return strings.Join(all, " ")
}

// A line that is not one event, or is larger than one may be, is refused, and leaves nothing of itself behind.
func TestRefused(t *testing.T) {
	for in, want := range map[string]error{
		``: ErrSyntax, `[]`: ErrSyntax, `{`: ErrSyntax, `{"a"}`: ErrSyntax, `{"a":}`: ErrSyntax, `{"a":1,}`: ErrSyntax, `{"a":1}{}`: ErrSyntax,
		`{"a":01}`: ErrSyntax, `{"a":1.}`: ErrSyntax, `{"a":+1}`: ErrSyntax, `{"a":1e}`: ErrSyntax, `{"a":tru}`: ErrSyntax, `{"a":[1,]}`: ErrSyntax, `{"a":[1}`: ErrSyntax,
		`{"a":"\x"}`: ErrSyntax, `{"a":"\u12g4"}`: ErrSyntax, `{"a":"` + "\n" + `"}`: ErrSyntax, `{"a":"x`: ErrSyntax, `{"a":"\`: ErrSyntax, `{"a":"\ud83d\u1"}`: ErrSyntax,
		"{\"a\":\"\xff\"}":                       ErrUTF8,
		`{"":1}`:                                 ErrName,
		`{"` + strings.Repeat("n", 257) + `":1}`: ErrName,
		strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9):       ErrDeep,
		`{"a":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + "}": ErrDeep,
		`{"a":[1` + strings.Repeat(",1", 1024) + `]}`:                   ErrMany,
		`{"b":1,"a":"` + strings.Repeat("x", 64<<10) + `"}`:             ErrLong,
		`{"a":1` + strings.Repeat(" ", 10) + `,"b":2` + "\x00" + `}`:    ErrSyntax,
	} {
		var e Event
		if err := e.Parse([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", in, err, want)
		}
		if len(e.Fields()) > 0 {
			t.Errorf("%.60q leaves %v", in, e.Fields())
		}
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-02-28T23:59:59.000001Z":    "2026-02-28T23:59:59.000001Z",
		"2026-02-29T00:00:00.000000Z":    "0001-01-01T00:00:00Z",
		"2028-02-29T00:00:00.000000Z":    "2028-02-29T00:00:00Z",
		"2026-01-01T02:00:00+02:00":      "2026-01-01T00:00:00Z",
		"2026-01-01T02:00:00.123456789Z": "2026-01-01T02:00:00.123456789Z",
		"2026-13-01T00:00:00.000000Z":    "0001-01-01T00:00:00Z",
		"yesterday":                      "0001-01-01T00:00:00Z",
	} {
		var e Event
		e.Set("@timestamp", in)
		if got := e.Time().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// Whatever Parse takes, encoding/json takes, too, and finds the same values in it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		line, `{}`, `{"a":{"b":[1,{"c":null}]},"a.b":true}`, `{"a":"\ud83d\ude00\u0000","b":-1.5e3}`, `{"a":1,"a":2}`, `{"a":[[[]]]}`, `{"a":"\ud83d"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var e Event
		err := e.Parse(in)
		if err != nil {
			if len(e.Fields()) > 0 {
				t.Fatal("an error, and fields")
			}
			return
		}
		dec := json.NewDecoder(strings.NewReader(string(in)))
		dec.UseNumber()
		var all []string
		if err := walk(dec, "", &all); err != nil {
			t.Fatalf("%q: encoding/json refuses it: %v", in, err)
		}
		var got []string
		for _, f := range e.Fields() {
			got = append(got, f.Name+"="+f.Value.Text)
		}
		slices.Sort(got)
		slices.Sort(all)
		if !slices.Equal(got, all) {
			t.Fatalf("%q gives %q, want %q", in, got, all)
		}
	})
}

// walk reads one value with encoding/json.
func walk(dec *json.Decoder, name string, all *[]string) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		for dec.More() {
			inner := name
			if t == '{' {
				k, err := dec.Token()
				if err != nil {
					return err
				}
				inner = strings.TrimPrefix(name+"."+k.(string), ".")
				if name == "" {
					inner = k.(string)
				}
			}
			if err := walk(dec, inner, all); err != nil {
				return err
			}
		}
		_, err := dec.Token()
		return err
	case nil:
		*all = append(*all, name+"=null")
	default:
		*all = append(*all, fmt.Sprintf("%s=%v", name, t))
	}
	return nil
}
