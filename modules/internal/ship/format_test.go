package ship

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

// lineOf is an event as the bus writes it.
func lineOf(t *testing.T, e *event.Event) *flat {
	t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	var line []byte
	bus.Attach(sinkFunc(func(r *event.Record) { line = slices.Clone(r.Line) }))
	bus.Emit(e)
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := readFlat(line)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type sinkFunc func(*event.Record)

func (f sinkFunc) Write(r *event.Record) { f(r) }

// Separators of CEF that a client sends are escaped, so that it forges no field and no second event.
func TestCEFEscapes(t *testing.T) {
	f := lineOf(t, &event.Event{
		Category: "web", Action: "http-request", Outcome: event.Failure, Reason: `a|b\c`, Method: "GET", Path: "/x=1 act=forged\nCEF:0|evil", UserAgent: `\ | = end`,
		SourceIP: "2001:db8::1", RuleIDs: []int{942100, 949110}, Status: 403,
	})
	got := string(cef(f))
	for _, want := range []string{
		`CEF:0|ConvoSphere|Gateway|1|http-request|a\|b\\c|5|rt=`, ` act=http-request `, ` request=/x\=1 act\=forged\nCEF:0|evil `,
		` requestClientApplication=\\ | \= end`, ` c6a2Label=Source IPv6 Address c6a2=2001:db8::1 `, ` cs6Label=rules cs6=942100,949110`, ` cn1Label=status cn1=403`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if strings.ContainsAny(got, "\n\r") {
		t.Fatalf("%q", got)
	}
	header := strings.SplitN(strings.ReplaceAll(strings.ReplaceAll(got, `\\`, ""), `\|`, ""), "|", 8)
	if len(header) != 8 || !strings.HasPrefix(header[7], "rt=") {
		t.Fatal(header)
	}
}

// ocsfRequired are the attributes that OCSF 1.5.0 demands of each class, those of objects with dots; of lists the first element's.
var ocsfRequired = map[int][]string{
	0:    {"activity_id", "category_uid", "class_uid", "metadata.version", "metadata.product.name", "metadata.product.vendor_name", "severity_id", "time", "type_uid"},
	2004: {"finding_info.uid", "finding_info.title"},
	2005: {"finding_info_list", "status_id"},
	3001: {"user"},
	3002: {"user"},
	4002: {},
	6003: {"actor", "api.operation", "src_endpoint"},
}

// ocsfOneOf are the attributes of which a class demands one.
var ocsfOneOf = map[int][]string{
	2005: {"assignee", "assignee_group"}, 3002: {"service", "dst_endpoint"}, 4002: {"http_request", "http_response"},
}

func at(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

func TestOCSF(t *testing.T) {
	web := event.Event{
		Category: "web", Action: "http-request", Outcome: event.Success, Method: "POST", Host: "chat.example", Path: "/api/rooms", Status: 201, SourceIP: "192.0.2.7",
		UserID: "U1", UserAgent: "curl", Duration: 5e6, Fields: []zap.Field{zap.String("gateway.tier", "gold"), zap.String("source.geo.country_iso_code", "DE")},
	}
	for name, c := range map[string]struct {
		e        event.Event
		class    int
		activity int
		want     map[string]any
	}{
		"a request": {web, 4002, 6, map[string]any{
			"http_request.url.path": "/api/rooms", "http_request.http_method": "POST", "http_response.code": 201.0, "src_endpoint.ip": "192.0.2.7", "actor.user.uid": "U1",
			"duration": 5.0, "status_id": 1.0, "severity_id": 1.0, "unmapped.gateway.tier": nil, "src_endpoint.location.country": "DE", "dst_endpoint.hostname": "chat.example",
		}},
		"an odd method": {event.Event{Category: "web", Action: "http-request", Method: "BREW", Path: "/"}, 4002, 99, map[string]any{"activity_name": "http-request"}},
		"a login": {event.Event{Category: "authentication", Action: "login", Outcome: event.Failure, Reason: "wrong password", UserID: "U1", SourceIP: "192.0.2.7"}, 3002, 1,
			map[string]any{"user.uid": "U1", "status_id": 2.0, "message": "wrong password", "severity_id": 2.0}},
		"a login of nobody": {event.Event{Category: "authentication", Action: "login", Outcome: event.Failure, Fields: []zap.Field{zap.String("gateway.account", "ABC")}}, 3002, 1,
			map[string]any{"user.uid": "ABC"}},
		"a logout": {event.Event{Category: "session", Action: "session-ended", UserID: "U1", Session: "S"}, 3002, 2, map[string]any{"session.uid": "S"}},
		"a change": {event.Event{Category: "iam", Action: "account-created", Fields: []zap.Field{zap.String("user.target.id", "U2")}, UserID: "U1"}, 3001, 1, map[string]any{"user.uid": "U2", "actor.user.uid": "U1"}},
		"a finding": {event.Event{Category: "intrusion_detection", Action: "finding", Reason: "50 accounts", Fields: []zap.Field{
			zap.String("gateway.finding.id", "F1"), zap.String("gateway.finding.title", "Spraying"), zap.String("gateway.finding.level", "high"), zap.Strings("gateway.finding.tags", []string{"attack.credential-access", "attack.t1110.003"}),
			zap.String("gateway.finding.rule", "R1"),
		}}, 2004, 1, map[string]any{"finding_info.uid": "F1", "finding_info.title": "Spraying", "finding_info.desc": "50 accounts", "severity_id": 4.0, "finding_info.analytic.uid": "R1"}},
		"an incident": {event.Event{Category: "intrusion_detection", Action: "incident-closed", Fields: []zap.Field{zap.String("gateway.incident.id", "I1")}}, 2005, 3, map[string]any{"status_id": 5.0}},
		"a ban":       {event.Event{Category: "intrusion_detection", Action: "ban-added", Fields: []zap.Field{zap.String("gateway.ban.prefix", "192.0.2.7/32")}}, 6003, 1, map[string]any{"api.operation": "ban-added", "severity_id": 3.0}},
		"a loss":      {event.Event{Category: "configuration", Action: "output-lost", Outcome: event.Failure}, 6003, 99, map[string]any{"src_endpoint.name": "gateway"}},
		"nothing":     {event.Event{}, 6003, 99, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := lineOf(t, &c.e)
			var o map[string]any
			if err := json.Unmarshal(ocsf(f), &o); err != nil {
				t.Fatal(err)
			}
			if o["class_uid"] != float64(c.class) || o["activity_id"] != float64(c.activity) || o["type_uid"] != float64(c.class*100+c.activity) || o["category_uid"] != float64(c.class/1000) {
				t.Fatal(o)
			}
			for _, path := range append(ocsfRequired[0], ocsfRequired[c.class]...) {
				if at(o, path) == nil {
					t.Errorf("no %s in %v", path, o)
				}
			}
			if one := ocsfOneOf[c.class]; one != nil && !slices.ContainsFunc(one, func(name string) bool { return o[name] != nil }) {
				t.Errorf("none of %v in %v", one, o)
			}
			for path, want := range c.want {
				if got := at(o, path); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s is %v, want %v", path, got, want)
				}
			}
			everythingIsSomewhere(t, f, o)
		})
	}
}

// everythingIsSomewhere: what an event says is in what it becomes, in its place or among `unmapped`.
func everythingIsSomewhere(t *testing.T, f *flat, o map[string]any) {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range f.fields {
		if name == "@timestamp" || name == "event.outcome" || name == "event.duration" || name == "event.category" {
			continue // time, status, milliseconds, class
		}
		if s, ok := v.(string); ok && !strings.Contains(string(raw), s) {
			t.Errorf("%s is lost", name)
		}
	}
	if name := "gateway.tier"; f.text(name) != "" && o["unmapped"].(map[string]any)[name] == nil {
		t.Error("unmapped is not kept")
	}
}

func TestParseFormatAndLevel(t *testing.T) {
	for _, word := range []string{"", "ecs", "ocsf", "cef"} {
		if _, err := ParseFormat(word); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseFormat("leef"); err == nil {
		t.Error("leef")
	}
	if _, err := ParseLevel("severe"); err == nil {
		t.Error("severe")
	}
}

func TestExposed(t *testing.T) {
	for address, want := range map[string]bool{
		"http://siem.example/": true, "tcp://192.0.2.7:601": true, "udp://siem:514": true, "redis://10.0.0.1:6379": true, "http://127.0.0.1:1/": false, "udp://[::1]:514": false,
		"tcp://localhost:601": false, "https://siem.example/": false, "tls://siem:6514": false, "rediss://h:1": false, "/var/log/x": false,
	} {
		if Exposed(address) != want {
			t.Error(address)
		}
	}
}
