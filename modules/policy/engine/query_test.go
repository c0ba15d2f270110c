package engine

import (
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

const asksForAdmin = `decision := {"allow": false, "reason": "admin"} if input.request.query.admin

decision := {"allow": true, "reason": "nothing of admin"} if not input.request.query.admin`

func decideQuery(t *testing.T, s *Snapshot, raw string) Decision {
	t.Helper()
	d, err := New(s, 0, time.Now).Decide(context.Background(), &Input{Query: raw})
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return d
}

// What of a query other servers read as `admin`, and a policy that asks for `admin` would not see.
func TestADenyByPresenceOfAParameterHolds(t *testing.T) {
	s := compile(t, asksForAdmin, nil)
	for _, raw := range []string{
		"admin=1", "admin", "admin=", "x=1&admin=0", "&&admin=1", "%61dmin=1", "admin=1&admin=2",
		"Admin=1", "ADMIN", "adm%C4%B1n=1&%61DMIN=2", "admin[]=1", "admin%5B%5D=1", "admin[0]=1", "admin[x][y]=1", "+admin=1", "%20admin=1", "admin+=1", "Admin[]=1",
		"x=1;admin=1", "x%26admin=1", "admin%3D1", "admin%253D1=2", "%2561dmin=1", "x=1#&admin=1", "admin%00=1", "admin%0a=1",
		"admin=%", "admin=%zz", "admin=1&x=%FF", "x=%C0%80", "x=\xff", "x=%00", "a=1&A=1", "a.b=1&a_b=2", "a=1&a[]=2", "a=1&A[x]=2",
		strings.Repeat("a&", maxParameters), strings.Repeat("&", maxParameters) + "admin", "x=" + strings.Repeat("a", maxQuery),
	} {
		if d := decideQuery(t, s, raw); d.Allow {
			t.Errorf("%.40q: %+v", raw, d)
		}
	}
	for _, raw := range []string{
		"", "&", "x=1", "x=admin", "x=1%26admin=1", "x=1%3Badmin=1", "x=a%3Bb&y=a%23b", "x=a+b", "administrator=1", "x[a]=1&x[b]=2", "x[]=1&x[]=2", "q=%25", "q=%2541", "=1", "x=1?y=2",
		strings.Repeat("a&", maxParameters-1), "x=" + strings.Repeat("a", maxQuery-2), "x=%0a", "na%C3%AFve=%E2%82%AC",
	} {
		if d := decideQuery(t, s, raw); !d.Allow {
			t.Errorf("%.40q: %+v", raw, d)
		}
	}
}

// What is read in one way only is a decision of the policy's; what is not, none, and not remembered as one.
func TestAmbiguousQueriesAreNoDecision(t *testing.T) {
	s := compile(t, asksForAdmin, nil)
	for range 2 {
		if d := decideQuery(t, s, "admin=1"); d.Failure != None || d.Reason != "admin" {
			t.Errorf("%+v", d)
		}
		for raw, why := range map[string]error{
			"admin=%zz": errQueryEscape, "a=1;admin=2": errQuerySign, "a=%FF": errQueryUTF8, "a=%00": errQueryNUL, "a%26b": errQueryName, "b=1&B=2": errQueryTwins,
			"Admin=1": errQueryAlike, "a=" + strings.Repeat("a", maxQuery): errQueryLarge, strings.Repeat("&", maxParameters): errQueryMany,
		} {
			if d := decideQuery(t, s, raw); d.Failure != Ambiguous || d.Reason != why.Error() || d.Failure.Unavailable() {
				t.Errorf("%.40q: %+v", raw, d)
			}
		}
	}
}

// A policy that does not look at the query is asked whatever it is, pays nothing for it, and remembers one decision for all.
func TestQueriesThatNobodyReadsAreNothing(t *testing.T) {
	s := compile(t, `decision := {"allow": true, "reason": "x"} if input.request.path == ""`, nil)
	for _, raw := range []string{"", "a=%zz", "a=1;b", strings.Repeat("a", 1<<20)} {
		if d := decideQuery(t, s, raw); !d.Allow {
			t.Errorf("%.40q: %+v", raw, d)
		}
	}
	n := 0
	for i := range s.memory.shards {
		n += len(s.memory.shards[i].m)
	}
	if n != 1 {
		t.Errorf("%d decisions are remembered", n)
	}
	in := &Input{Query: "a=1&b=2&c=%20"}
	whole := testing.AllocsPerRun(100, func() { _ = in.value(s.reads, &s.terms) })
	in.Query = ""
	if none := testing.AllocsPerRun(100, func() { _ = in.value(s.reads, &s.terms) }); none != whole {
		t.Errorf("%v allocations with a query, %v without", whole, none)
	}
}

// Names that a policy asks for in other ways than as a member are found, too.
func TestNamesThatAPolicyAsksFor(t *testing.T) {
	for _, condition := range []string{
		`input.request.query.admin`, `input.request.query["admin"][_] == "1"`, `some v in input.request.query.admin; v`, `q := input.request.query; q.admin`, `q = input.request.query; q.admin`,
		`r := input.request; r.query.admin`, `object.get(input.request.query, "admin", false)`, `has(input.request.query)`, `parameters.admin`, `input.request.query[name]`,
		`name in object.keys(input.request.query)`, `some k, _ in input.request.query; k == "admin"`, `every x in ["admin"] { input.request.query[x] }`,
		`input["request"].query.admin`, `x := "query"; input.request[x].admin`, `json.filter(input, ["request/query/admin"]).request.query.admin`,
	} {
		s := compile(t, `import input.request.query as imported

decision := {"allow": false} if hit

decision := {"allow": true} if not hit

hit if imported.other
hit if { `+condition+` }
has(q) if q.admin
parameters := input.request.query
name := "admin"`, nil)
		for _, raw := range []string{"admin=1", "Admin=1", "admin[]=1", "+admin=1", "Other"} {
			if d := decideQuery(t, s, raw); d.Allow {
				t.Errorf("%s: %s is allowed", condition, raw)
			}
		}
		if d := decideQuery(t, s, "harmless=1&x[y]=2"); !d.Allow {
			t.Errorf("%s: %+v", condition, d)
		}
	}
	both := compile(t, `decision := {"allow": true} if input.request.query["Page"][0] == input.request.query["x[]"][0]

decision := {"allow": true} if input.request.query.page[0] == input.request.query["filter[a]"][0]`, nil)
	for _, raw := range []string{"Page=1&x[]=1", "page=1&filter[a]=1", "page=1&filter[a]=1&filter[b]=1"} {
		if d := decideQuery(t, both, raw); !d.Allow {
			t.Errorf("%s: %+v", raw, d)
		}
	}
	if d := decideQuery(t, both, "page=1&filter[A]=1"); d.Failure != Ambiguous {
		t.Errorf("%+v", d)
	}
}

func TestQueriesInDocuments(t *testing.T) {
	for raw, want := range map[string]string{
		"": `{}`, "&": `{}`, "a": `{"a":[""]}`, "b=2&a=1&b=1&b=": `{"a":["1"],"b":["2","1",""]}`, "q=a+b%2Bc%26d%3De": `{"q":["a b+c&d=e"]}`, "a[]=1&A%C3%84=2": `{"AÄ":["2"],"a[]":["1"]}`,
	} {
		in := &Input{Query: raw}
		b, err := AppendJSON(nil, in.Value())
		if err != nil || !strings.Contains(string(b), `"query":`+want+`,"route"`) || in.Digest() != Digest(in.Value()) {
			t.Errorf("%s: %s %v", raw, b, err)
		}
	}
	if b, _ := AppendJSON(nil, (&Input{Query: "a=%zz"}).Value()); strings.Contains(string(b), "query") {
		t.Errorf("%s", b)
	}
}

// An input that was kept without its query is no input without parameters.
func TestKeptInputsWithoutTheirQueryAreNotJudged(t *testing.T) {
	s := compile(t, asksForAdmin, nil)
	for in, want := range map[*Input]Failure{{}: None, {Query: "a=1"}: None, {Query: "Admin=1"}: Ambiguous, {Query: "a=%zz"}: Ambiguous} {
		d, err := s.Judge(context.Background(), in.Value(), Options{})
		if err != nil || d.Failure != want || d.Allow != (want == None) {
			t.Errorf("%q: %+v %v", in.Query, d, err)
		}
	}
	other, _ := fromJSON(`{"request": {"query": "a=1"}}`)
	for _, doc := range []ast.Value{ast.NewObject(), other} {
		if d, _ := s.Judge(context.Background(), doc, Options{}); d.Failure != Ambiguous {
			t.Errorf("%v: %+v", doc, d)
		}
	}
	deaf := compile(t, `decision := {"allow": true}`, nil)
	if d, _ := deaf.Judge(context.Background(), ast.NewObject(), Options{}); !d.Allow {
		t.Errorf("%+v", d)
	}
}

// Whatever is sent: what is read is what url.ParseQuery reads, within the bounds, and its document is JSON that holds the same.
func FuzzQuery(f *testing.F) {
	for _, raw := range []string{"a=1&b=2", "a+b=%20&=&&x", "a=1;b", "A=1&a=2", "%zz", "a%00", "a[]=1&a[x]=2", "\xff", "q=%E2%82%AC&q=", "a=b=c", "a%3d=1", "#", "_ =&_[="} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			if q := (&Input{Query: raw}); strings.Contains(q.Value().String(), `"query"`) {
				t.Errorf("%q has no reading, and yet a document", raw)
			}
			return
		}
		want, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q: net/url reads it as %v", raw, err)
		}
		got := url.Values{}
		for name, same := range q.each {
			if _, again := got[name]; again {
				t.Fatalf("%q: %q comes twice", raw, name)
			}
			for _, p := range same {
				got.Add(name, p.value)
				if p.name != name || !utf8.ValidString(p.value) || strings.ContainsRune(p.value, 0) || strings.ContainsAny(name, "&=;#\x00") {
					t.Fatalf("%q: %+v", raw, p)
				}
			}
		}
		if len(q) > maxParameters || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, not %v", raw, got, want)
		}
		in := &Input{Query: raw}
		if in.Digest() != Digest(in.Value()) {
			t.Errorf("%q: the digest is not the document's", raw)
		}
		text, err := AppendJSON(nil, q.term().Value)
		back := url.Values{}
		if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%q: %s %v", raw, text, err)
		}
	})
}

// BenchmarkQuery decides by a parameter: remembered, and anew.
func BenchmarkQuery(b *testing.B) {
	s := compile(b, `decision := {"allow": true} if "10" in input.request.query.limit`, nil)
	in := &Input{Query: "limit=10&before=m1&q=hello+world"}
	for name, e := range map[string]*Engine{"remembered": New(s, 0, time.Now), "fresh": New(&Snapshot{program: s.program, Revision: s.Revision, store: s.store, data: s.data, read: s.read}, 0, time.Now)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d, err := e.Decide(context.Background(), in); err != nil || !d.Allow {
					b.Fatal(d, err)
				}
			}
		})
	}
}
