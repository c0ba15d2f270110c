package openapi

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/route"
)

func chat(t testing.TB) *Document {
	t.Helper()
	raw, err := os.ReadFile("../../../backend/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// asked gives the operation of a request, and what is wrong with its parameters.
func asked(t testing.TB, d *Document, method, target string) (*Operation, []Fault) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	segs, err := route.Segments(r.URL)
	if err != nil {
		t.Fatal(target, err)
	}
	p, err := d.Find(segs)
	if err != nil || p == nil {
		return nil, nil
	}
	op := p.Operation(method)
	if op == nil {
		return nil, nil
	}
	return op, op.Parameters(p, r, segs)
}

func told(faults []Fault) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.In.String()+" "+f.Pointer+" "+f.Reason)
	}
	return strings.Join(lines, "; ")
}

func TestChat(t *testing.T) {
	d := chat(t)
	const id = "019be0a6-7c1b-7c30-9c4c-0242ac120002"
	for _, c := range []struct{ method, target, name, want string }{
		{"GET", "/api/rooms", "GET /api/rooms", ""},
		{"HEAD", "/api/rooms", "GET /api/rooms", ""},
		{"GET", "/api/rooms/general", "GET /api/rooms/{room}", ""},
		{"GET", "/api/rooms/General!", "GET /api/rooms/{room}", "path room does not have the form that it must have"},
		{"GET", "/api/rooms/general/messages?limit=10&before=" + id, "GET /api/rooms/{room}/messages", ""},
		{"GET", "/api/rooms/general/messages?limit=0", "GET /api/rooms/{room}/messages", "query limit is less than 1"},
		{"GET", "/api/rooms/general/messages?limit=x", "GET /api/rooms/{room}/messages", "query limit must be a whole number"},
		{"GET", "/api/rooms/general/messages?limit=1&limit=2", "GET /api/rooms/{room}/messages", "query limit is given twice"},
		{"GET", "/api/rooms/general/messages?limit=1&l%69mit=2", "GET /api/rooms/{room}/messages", "query limit is given twice"},
		{"GET", "/api/rooms/general/messages?Limit=1", "GET /api/rooms/{room}/messages", "query Limit is not a known parameter"},
		{"GET", "/api/rooms/general/messages?limit=%zz", "GET /api/rooms/{room}/messages", "query  is not well encoded"},
		{"GET", "/api/rooms/general/messages?limit=1;limit=2", "GET /api/rooms/{room}/messages", "query  is not well encoded"},
		{"GET", "/api/rooms/general/messages?limit=%ff", "GET /api/rooms/{room}/messages", "query  is not well encoded"},
		{"GET", "/api/rooms?debug=1", "GET /api/rooms", "query debug is not a known parameter"},
		{"PATCH", "/api/rooms", "", ""},
		{"GET", "/api/none", "", ""},
		{"GET", "/API/rooms", "", ""},
	} {
		op, faults := asked(t, d, c.method, c.target)
		if op == nil {
			if c.name != "" {
				t.Errorf("%s %s is not known", c.method, c.target)
			}
			continue
		}
		if op.Name != c.name || told(faults) != c.want {
			t.Errorf("%s %s: %s %q, want %s %q", c.method, c.target, op.Name, told(faults), c.name, c.want)
		}
	}
}
