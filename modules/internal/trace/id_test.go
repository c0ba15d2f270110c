package trace

import (
	"net/http"
	"strings"
	"testing"
)

const example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" // W3C's own

func TestParseParent(t *testing.T) {
	p, ok := ParseParent(example)
	if !ok || !p.Sampled || p.String() != example {
		t.Fatal(p, ok)
	}
	for name, s := range map[string]string{
		"empty": "", "short": example[:54], "longer than its version": example + "-01", "version ff": "ff" + example[2:],
		"upper case": strings.ToUpper(example), "no trace": "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"no span": "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "other dashes": strings.ReplaceAll(example, "-", "_"),
		"no hex": "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", "a later version, badly": "01" + example[2:] + "x",
		"endless": "01" + example[2:] + "-" + strings.Repeat("a", 1000),
	} {
		if p, ok := ParseParent(s); ok || p != (Parent{}) {
			t.Errorf("%s is taken: %v", name, p)
		}
	}
	if p, ok := ParseParent("01" + example[2:54] + "3-more"); !ok || !p.Sampled {
		t.Error("a later version must be read as far as it is known")
	}
}

func FuzzParseParent(f *testing.F) {
	for _, s := range []string{example, "", "01" + example[2:] + "-x", strings.ToUpper(example)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := ParseParent(s)
		if !ok {
			if p != (Parent{}) {
				t.Fatal("something of a header that is none")
			}
			return
		}
		if again, ok := ParseParent(p.String()); !ok || again != p || p.Trace == (ID{}) || p.Span == (SpanID{}) {
			t.Fatalf("%q became %v", s, again)
		}
	})
}

// A stranger can't choose the trace that a request is in, nor have it recorded, nor hand things to what stands further in.
func TestStrangersTraceIsOnlyLinked(t *testing.T) {
	tr := tracer(t, Config{})
	h := http.Header{"Traceparent": {example}, "Tracestate": {"a=b"}, "Baggage": {"user=root"}}
	q := tr.Start(&http.Request{Header: h}, false, now)
	if q.ID() == example[3:35] || q.Sampled() || q.link.String() != example {
		t.Error("a stranger's trace was gone on with")
	}
	if h.Get("Tracestate") != "" || h.Get("Baggage") != "" || !strings.HasPrefix(h.Get("Traceparent"), "00-"+q.ID()+"-"+q.Span()) {
		t.Error("what is passed on:", h)
	}

	h = http.Header{"Traceparent": {example}, "Tracestate": {"a=b", "c=d"}}
	q = tr.Start(&http.Request{Header: h}, true, now)
	if q.ID() != example[3:35] || !q.Sampled() || q.state != "a=b,c=d" || q.link != (Parent{}) {
		t.Error("a trusted proxy's trace was not gone on with")
	}
	if got := h.Get("Traceparent"); got == example || !strings.HasPrefix(got, example[:35]) {
		t.Error("what is passed on:", got)
	}

	for _, odd := range [][]string{{example, example}, {"x"}, nil} {
		h = http.Header{"Traceparent": odd, "Tracestate": {strings.Repeat("a", 600)}}
		if q = tr.Start(&http.Request{Header: h}, true, now); q.ID() == example[3:35] || q.link != (Parent{}) || len(h["Traceparent"]) != 1 {
			t.Error("a header that says nothing:", odd)
		}
	}
}
