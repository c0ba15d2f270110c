package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/convosphere/gateway/modules/internal/view"
)

// fruit is a view that has everything.
func fruit() view.View {
	eaten := map[string]bool{}
	row := func(name string) view.Row { return view.Row{ID: name, Cells: []any{name, 90 * time.Second}} }
	return view.View{
		Name: "fruit", Title: "Fruit", Group: view.Watch, About: "What grows.",
		Filters: []view.Filter{{Name: "color", Title: "Colour", Kind: view.Choice, Choices: []string{"red", "green"}}},
		Columns: []view.Column{{Name: "name", Title: "Name", Kind: view.Text, Sort: true}, {Name: "age", Title: "Age", Kind: view.Duration}},
		Panels: func(context.Context, view.Query) ([]view.Panel, error) {
			return []view.Panel{{Name: "all", Title: "All", Tile: &view.Tile{Value: int64(2), Kind: view.Number}}}, nil
		},
		Rows: func(_ context.Context, q view.Query) (view.Page, error) {
			p := view.Page{Total: 2}
			for name, color := range map[string]string{"apple": "red", "lime": "green"} {
				if q.Value("color") == color {
					p.Rows = append(p.Rows, row(name))
				}
			}
			return p, nil
		},
		Item: func(_ context.Context, id string) (view.Item, error) {
			if id != "a/b c" {
				return view.Item{}, view.ErrNotFound
			}
			return view.Item{Title: id, Version: "7", Sections: []view.Section{{Title: "Facts", Facts: []view.Fact{{Name: "Age", Value: time.Minute}}}}}, nil
		},
		Documents: []view.Document{{
			Name: "report", Title: "Report", Kind: "text/html; charset=utf-8", File: func(id string) string { return id + `".html` },
			Make: func(_ context.Context, id string, w io.Writer) error {
				_, err := fmt.Fprintf(w, "<p>%s", id)
				return err
			},
		}},
		Live: func(ctx context.Context, _ view.Query, send func(view.Row) error) error { return send(row("plum")) },
		Actions: []view.Action{{
			Name: "eat", Title: "Eat", On: view.OnRow, Ask: "Eat it?", Fields: []view.Field{{Name: "bites", Title: "Bites", Kind: view.Number, Required: true}},
			Do: func(_ context.Context, o view.Order) (view.Done, error) {
				if o.Version == "old" {
					return view.Done{}, &view.Conflict{}
				}
				if eaten[o.ID] {
					return view.Done{}, fmt.Errorf("%w: it is eaten", view.ErrRefused)
				}
				eaten[o.ID] = true
				return view.Done{Message: o.Who.ID + " ate " + o.ID + " in " + o.Values["bites"], Undo: &view.Undo{View: "fruit", Action: "grow", ID: o.ID}}, nil
			},
		}},
	}
}

// asker asks the admin socket of a gateway that has a view.
func asker(t *testing.T) (dir string, ask func(method, uri, body string) (int, http.Header, string)) {
	t.Helper()
	dir = t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	g := loadCaddyfile(t, "{\n admin unix/"+socket+"\n persist_config off\n auto_https off\n gateway {\n data_dir "+dir+"\n }\n}\n")
	g.Views.Add(fruit())
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return dir, func(method, uri, body string) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+uri, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(raw)
	}
}

func TestViewsOverTheAdminAddress(t *testing.T) {
	_, ask := asker(t)
	for _, c := range []struct {
		method, uri, body string
		status            int
		want              string
	}{
		{"GET", "/gateway/views", "", 200, `"name":"fruit"`},
		{"GET", "/gateway/views/fruit?color=red", "", 200, `{"rows":[{"age":90,"id":"apple","name":"apple"}],"total":2}`},
		{"GET", "/gateway/views/fruit?color=red&format=csv", "", 200, "name,age\napple,90\n"},
		{"GET", "/gateway/views/fruit?format=panels", "", 200, `"value":2`},
		{"GET", "/gateway/views/fruit?color=blue", "", 400, "one of red, green"},
		{"GET", "/gateway/views/fruit?taste=sour", "", 400, "there is no filter"},
		{"GET", "/gateway/views/fruit?color=red&format=xml", "", 400, "format"},
		{"GET", "/gateway/views/fruits", "", 404, "no such view"},
		{"GET", "/gateway/views/fruit/items/a%2Fb%20c", "", 200, `"version":"7"`},
		{"GET", "/gateway/views/fruit/items/a", "", 404, "no such thing"},
		{"GET", "/gateway/views/fruit/items/apple/documents/report", "", 200, "<p>apple"},
		{"GET", "/gateway/views/fruit/items/apple/documents/other", "", 404, "document"},
		{"GET", "/gateway/views/fruit/live", "", 200, `data: {"age":90,"id":"plum","name":"plum"}`},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","values":{}}`, 400, "Bites is needed"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"values":{"bites":"1"}}`, 400, "name the item"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","values":{"bites":"1","with":"x"}}`, 400, "knows no"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","more":1}`, 400, "more"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","by":"a b","values":{"bites":"1"}}`, 400, "is an id"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","version":"old","values":{"bites":"1"}}`, 409, "meanwhile"},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","by":"eve","values":{"bites":"3"}}`, 200, `{"message":"eve ate apple in 3","undo":{"view":"fruit","action":"grow","id":"apple"}}`},
		{"POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","values":{"bites":"3"}}`, 422, "it is eaten"},
		{"POST", "/gateway/views/fruit/actions/cook", `{"id":"apple"}`, 404, "action"},
	} {
		if status, _, body := ask(c.method, c.uri, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %s: %d %s, not %d with %s", c.method, c.uri, c.body, status, body, c.status, c.want)
		}
	}
	if _, head, _ := ask("GET", "/gateway/views/fruit/items/x/documents/report", ""); head.Get("Content-Disposition") != `attachment; filename="x\".html"` {
		t.Error(head)
	}
}

// What is done at the admin address is an event before it is done, and again with what became of it. What was written is in neither.
func TestActionsAtTheAdminAddressAreEvents(t *testing.T) {
	dir, ask := asker(t)
	for range 2 {
		ask("POST", "/gateway/views/fruit/actions/eat", `{"id":"apple","by":"eve","values":{"bites":"8765432109876"}}`)
	}
	var got []string
	for end := time.Now().Add(30 * time.Second); len(got) < 4 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got = actions(t, filepath.Join(dir, "events"))
	}
	if want := "eve unknown ,eve success ,eve unknown ,eve failure refused"; strings.Join(got, ",") != want {
		t.Errorf("%q, not %q", strings.Join(got, ","), want)
	}
}

// actions are the console's in a folder of events.
func actions(t *testing.T, dir string) (got []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if strings.Contains(lines.Text(), "8765432109876") {
				t.Error("what was written is in an event:", lines.Text())
			}
			var e map[string]any
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue
			}
			flat := fmt.Sprint(e)
			if !strings.Contains(flat, "console-action") {
				continue
			}
			got = append(got, fmt.Sprint(member(e, "user", "id"), " ", member(e, "event", "outcome"), " ", member(e, "event", "reason")))
		}
	}
	return got
}

// member is one of an event, written nested or with dots.
func member(e map[string]any, outer, inner string) string {
	if v, ok := e[outer+"."+inner]; ok {
		return fmt.Sprint(v)
	}
	if o, ok := e[outer].(map[string]any); ok && o[inner] != nil {
		return fmt.Sprint(o[inner])
	}
	return ""
}

func TestOpenAPI(t *testing.T) {
	_, ask := asker(t)
	status, _, body := ask("GET", "/gateway/openapi.json", "")
	if status != 200 {
		t.Fatal(status, body)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{
		"/gateway/views": "GET", "/gateway/views/fruit": "GET", "/gateway/views/fruit/live": "GET", "/gateway/views/fruit/items/{id}": "GET",
		"/gateway/views/fruit/items/{id}/documents/report": "GET", "/gateway/views/fruit/actions/eat": "POST",
	} {
		item := doc.Paths.Value(path)
		if item == nil || item.GetOperation(method) == nil {
			t.Errorf("%s %s is not described", method, path)
		}
	}
}
