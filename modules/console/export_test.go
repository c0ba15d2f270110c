package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// longView has so many rows, and fails after them where it says so.
func longView(n int, err error) view.View {
	v := lampView(newLamps())
	v.Rows = func(_ context.Context, q view.Query) (view.Page, error) {
		at, _ := strconv.Atoi(q.After)
		p := view.Page{Total: n}
		for ; len(p.Rows) < q.Limit && at < n; at++ {
			p.Rows = append(p.Rows, view.Row{ID: strconv.Itoa(at), Cells: []any{"lamp " + strconv.Itoa(at), "on", nil}})
		}
		if at < n {
			p.Next = strconv.Itoa(at)
		} else if err != nil {
			return p, err
		}
		return p, nil
	}
	return v
}

func TestExport(t *testing.T) {
	h, p := newConsole(t, longView(2500, nil))
	page := ask(t, h, mona, "GET", "/console/lamps?state=on", "").Body.String()
	if !strings.Contains(page, `href="/console/lamps/export?_format=csv&amp;state=on"`) || !strings.Contains(page, "Showing 100 of 2,500") {
		t.Error("it is not offered")
	}
	a := ask(t, h, mona, "GET", "/console/lamps/export?_format=csv&state=on", "")
	all, err := csv.NewReader(a.Body).ReadAll()
	if err != nil || len(all) != 2501 || all[2500][0] != "lamp 2499" || !strings.HasPrefix(a.Header().Get("Content-Disposition"), `attachment; filename="lamps-`) {
		t.Errorf("%d rows, %v, %v", len(all), err, a.Header())
	}
	var list []map[string]any
	if a := ask(t, h, mona, "GET", "/console/lamps/export?_format=json", ""); json.Unmarshal(a.Body.Bytes(), &list) != nil || len(list) != 2500 || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d rows, %v", len(list), a.Header())
	}
	h.Export = 1100
	if a := ask(t, h, mona, "GET", "/console/lamps/export?_format=csv", ""); strings.Count(a.Body.String(), "\n") != 1101 {
		t.Errorf("%d lines", strings.Count(a.Body.String(), "\n"))
	}
	lines := p.events.of(t, h, `"gateway.console.export":"csv"`)
	if len(lines) != 2 || !strings.Contains(lines[1], `"gateway.console.rows":1100`) {
		t.Errorf("events: %v", lines)
	}
	for _, path := range []string{"/console/lamps/export", "/console/lamps/export?_format=xml", "/console/lamps/export?_format=csv&state=broken"} {
		if a := ask(t, h, mona, "GET", path, ""); a.Code != 422 {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	p.deny(view.Read, engine.Decision{})
	if a := ask(t, h, mona, "GET", "/console/lamps/export?_format=csv", ""); a.Code != 403 || strings.Contains(a.Body.String(), "lamp 1") {
		t.Errorf("refused: %d", a.Code)
	}
}

// Half an export is not taken for a whole one.
func TestExportThatFails(t *testing.T) {
	h, _ := newConsole(t, longView(3, errors.New("gone")))
	if a := ask(t, h, mona, "GET", "/console/lamps/export?_format=csv", ""); a.Code != 503 || a.Header().Get("Content-Disposition") != "" {
		t.Errorf("before it began: %d %v", a.Code, a.Header())
	}
	h, _ = newConsole(t, longView(2500, errors.New("gone")))
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("after it began: %v", r)
		}
	}()
	ask(t, h, mona, "GET", "/console/lamps/export?_format=csv", "")
	t.Error("it ends as if it were whole")
}

// A document runs nothing, and loads nothing.
func TestDocument(t *testing.T) {
	v := lampView(newLamps())
	v.Documents = []view.Document{{Name: "label", Title: "Label for print", Kind: "text/html", File: func(id string) string { return "label-" + id + ".html" }, Make: func(_ context.Context, id string, w io.Writer) error {
		if id != "hall" {
			return view.ErrNotFound
		}
		_, err := io.WriteString(w, "<p>hall")
		return err
	}}}
	h, p := newConsole(t, v)
	if page := ask(t, h, mona, "GET", "/console/lamps/item?id=hall", "").Body.String(); !strings.Contains(page, `href="/console/lamps/document/label?id=hall"`) {
		t.Error("it is not offered")
	}
	a := ask(t, h, mona, "GET", "/console/lamps/document/label?id=hall&_keep=", "")
	if a.Code != 200 || a.Body.String() != "<p>hall" || a.Header().Get("Content-Security-Policy") != documentCSP || !strings.Contains(documentCSP, "sandbox") ||
		a.Header().Get("Content-Disposition") != "attachment; filename=label-hall.html" || a.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	if a := ask(t, h, mona, "GET", "/console/lamps/document/label?id=none", ""); a.Code != 404 {
		t.Error(a.Code)
	}
	p.deny(view.Read, engine.Decision{})
	if a := ask(t, h, mona, "GET", "/console/lamps/document/label?id=hall", ""); a.Code != 403 {
		t.Error(a.Code)
	}
}
