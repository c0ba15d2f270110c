package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/convosphere/gateway/test/attacks"
	"github.com/convosphere/gateway/test/kit"
)

// call is one request, sent over one kept connection, one after the other.
type call struct {
	method, target, contentType, body string
}

// one sends calls to one gateway over one connection.
type one struct {
	url    string
	client *http.Client
	cookie string
}

func dial(t kit.T, url string) *one {
	c := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}, Timeout: 5 * time.Minute}
	t.Cleanup(c.CloseIdleConnections)
	return &one{url: url, client: c, cookie: cookies(rand.New(rand.NewPCG(1, 1)))}
}

// do sends the call and returns its status and how long the answer took.
func (o *one) do(t kit.T, c call) (int, time.Duration) {
	t.Helper()
	r, err := http.NewRequest(c.method, o.url+c.target, strings.NewReader(c.body))
	if err != nil {
		t.Fatalf("%s %.80q: %v", c.method, c.target, err)
	}
	r.Host = "chat.example.com"
	for _, h := range browser("http://chat.example.com", "GET") {
		r.Header.Set(h.name, h.value)
	}
	r.Header.Set("Cookie", o.cookie)
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	start := time.Now()
	res, err := o.client.Do(r)
	if err != nil {
		t.Fatalf("%s %.80q: %v", c.method, c.target, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatalf("%s %.80q: %v", c.method, c.target, err)
	}
	return res.StatusCode, time.Since(start)
}

// least is the shortest of n times: what the machine does besides only ever adds.
func (o *one) least(t kit.T, c call, n int) (status int, took time.Duration) {
	took = time.Hour
	for range n {
		s, d := o.do(t, c)
		status, took = s, min(took, d)
	}
	return status, took
}

// passed leaves out the bodies that the WAF refuses: a refusal is no measure of a message. It says how many there were.
func passed(t kit.T, url string, bodies []string) []string {
	o := dial(t, url)
	before := len(bodies)
	bodies = slices.DeleteFunc(bodies, func(b string) bool {
		status, _ := o.do(t, call{"POST", messagesPath, "application/json", b})
		return status/100 != 2
	})
	fmt.Fprintf(os.Stderr, "of %d messages the WAF refuses %d, which are left out\n", before, before-len(bodies))
	if len(bodies) < before*9/10 {
		t.Fatalf("the WAF refuses too many of the messages")
	}
	return bodies
}

// costs measures the parts.
func costs(t kit.T, upstream string, parts []string) {
	shipped := filepath.Join(kit.Root(t), "caddyfiles")
	env := "GW_UPSTREAM=" + upstream
	payloads, err := attacks.All()
	if err != nil {
		t.Fatalf("the attacks: %v", err)
	}
	// Long ones don't fit into a request line.
	payloads = slices.DeleteFunc(payloads, func(p attacks.Payload) bool { return len(p.Text) > 16<<10 })
	has := func(part string) bool { return slices.Contains(parts, part) }
	if has("requests") || has("socket") || has("uploads") || has("worst") {
		plain := startHTTP(t, "plain-one", filepath.Join(shipped, "plain.Caddyfile"), env)
		waf := startHTTP(t, "waf-one", filepath.Join(shipped, "waf-only.Caddyfile"), env)
		if has("requests") {
			large := startHTTP(t, "large", filepath.Join(kit.Root(t), "test", "bench", "large.Caddyfile"), env)
			requests(t, dial(t, plain.url), dial(t, waf.url), dial(t, large.url), payloads)
		}
		if has("socket") {
			socket(t, plain.url, waf.url)
		}
		if has("uploads") {
			uploads(t, waf)
		}
		if has("worst") {
			worst(t, dial(t, waf.url), payloads)
		}
	}
	if has("start") {
		starts(t, shipped, env)
	}
	if has("memory") {
		ruleSets(t, env)
	}
}

// asQuery and asText send an attack.
func asQuery(p attacks.Payload) call {
	return call{method: "GET", target: "/api/rooms?q=" + url.QueryEscape(p.Text)}
}

func asText(p attacks.Payload) call {
	return call{"POST", messagesPath, "application/json", `{"text":` + attacks.JSON(p.Text) + `}`}
}

// requests prints what they cost at the WAF, in microseconds, over one connection and so without any waiting for each other.
func requests(t kit.T, plain, waf, large *one, payloads []attacks.Payload) {
	fmt.Println("\nWhat a request costs at the WAF: one connection, microseconds")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tplain\tWAF\tadded\tstatus\t")
	r := rand.New(rand.NewPCG(7, 7))
	row := func(title string, n int, inspected *one, next func() call) {
		a, b, status := times(t, plain, inspected, n, next)
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%d\t\n", title, micros(a), micros(b), micros(b)-micros(a), status)
	}
	row("GET of messages, median", 300, waf, func() call {
		return call{method: "GET", target: messagesPath + "?limit=50&before=" + id(r)}
	})
	row("POST of 300 bytes of JSON, median", 300, waf, func() call {
		return call{"POST", messagesPath, "application/json", chatBody(r, 300)}
	})
	row("POST of 10 KB of JSON, median", 20, waf, func() call { return call{"POST", messagesPath, "application/json", document(r, 10<<10)} })
	row("POST of 1 MB of JSON, body_limit raised, once", 1, large, func() call {
		return call{"POST", messagesPath, "application/json", document(r, 1<<20)}
	})
	for _, as := range []struct {
		title string
		make  func(attacks.Payload) call
	}{{"attacks of the CRS tests as a GET argument, median", asQuery}, {"attacks of the CRS tests as JSON text, median", asText}} {
		i := -1
		row(as.title, len(payloads), waf, func() call { i++; return as.make(payloads[i]) })
	}
	w.Flush()
}

// times sends n calls to both, in turn, and returns the medians.
func times(t kit.T, plain, waf *one, n int, next func() call) (a, b time.Duration, status int) {
	var as, bs []time.Duration
	for range n {
		c := next()
		_, d := plain.do(t, c)
		as = append(as, d)
		status, d = waf.do(t, c)
		bs = append(bs, d)
	}
	return middle(as), middle(bs), status
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// document is JSON of this size: a hundred messages at most, so that it is within the limit of arguments.
func document(r *rand.Rand, size int) string {
	n := min(100, size/400)
	var b strings.Builder
	b.WriteString(`{"messages":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(chatBody(r, size/n-2))
	}
	b.WriteString(`]}`)
	return b.String()
}

// timed is a request of the worst, and what it took.
type timed struct {
	title  string
	call   call
	took   time.Duration
	status int
}

// worst prints the dearest requests that the limits let in.
func worst(t kit.T, g *one, payloads []attacks.Payload) {
	fmt.Println("\nThe worst at the WAF with its default limits: microseconds, the least of 3")
	var all []timed
	for _, p := range payloads {
		all = append(all,
			timed{title: fmt.Sprintf("GET argument %s, %d bytes", p, len(p.Text)), call: asQuery(p)},
			timed{title: fmt.Sprintf("JSON text %s, %d bytes", p, len(p.Text)), call: asText(p)})
	}
	printWorst(t, g, "attacks of the CRS tests", all, all, 5)

	// Each byte in 8 KiB finds the dear ones; those are sent in full length.
	short, long := repeated(8<<10), repeated(128<<10)
	printWorst(t, g, "128 KiB of one character", short, long, 5)

	fields := func(n int, value string) call {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&field%d=%s", i, value)
		}
		return call{"POST", messagesPath, "application/x-www-form-urlencoded", b.String()[1:]}
	}
	var forms []timed
	for _, v := range []struct{ title, value string }{
		{"a digit", "1"}, {"a word", "hello"}, {"a sentence", url.QueryEscape("It's the first time, isn't it? See you at 5, says Zoë.")},
		{"500 letters", strings.Repeat("a", 500)}, {"500 quotes", strings.Repeat("%27", 166)}, {"an attack", url.QueryEscape("1' or '1'='1")},
	} {
		forms = append(forms, timed{title: "250 of " + v.title, call: fields(250, v.value)}, timed{title: "1,000 of " + v.title, call: fields(1000, v.value)})
	}
	printWorst(t, g, "forms of many arguments (250 is the default limit)", forms, forms, len(forms))
}

// repeated is bodies of one byte over and over, of this length in all: as JSON text, as a form's value, and as they are.
func repeated(size int) (all []timed) {
	fill := func(open, unit, end string) string {
		return open + strings.Repeat(unit, (size-len(open)-len(end))/len(unit)) + end
	}
	for c := 1; c <= 0xFF; c++ {
		b := string([]byte{byte(c)})
		json := attacks.JSON(b)
		all = append(all,
			timed{title: fmt.Sprintf("0x%02X as JSON text", c), call: call{"POST", messagesPath, "application/json", fill(`{"text":"`, json[1:len(json)-1], `"}`)}},
			timed{title: fmt.Sprintf("0x%02X as a form's value", c), call: call{"POST", messagesPath, "application/x-www-form-urlencoded", fill("text=", b, "")}},
			timed{title: fmt.Sprintf("0x%02X as it is, no type", c), call: call{"POST", messagesPath, "", fill("", b, "")}},
		)
	}
	return all
}

// printWorst sends each trial once, takes the dearest, sends what stands at their places in full three times, and prints n of them.
func printWorst(t kit.T, g *one, title string, trials, full []timed, n int) {
	order := make([]int, len(trials))
	for i := range trials {
		order[i] = i
		trials[i].status, trials[i].took = g.do(t, trials[i].call)
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(trials[b].took - trials[a].took) })
	var dear []timed
	for _, i := range order[:min(len(order), n+3)] {
		x := full[i]
		x.status, x.took = g.least(t, x.call, 3)
		dear = append(dear, x)
	}
	slices.SortFunc(dear, func(a, b timed) int { return int(b.took - a.took) })
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\tµs\tstatus\t\n", title)
	for _, x := range dear[:min(n, len(dear))] {
		fmt.Fprintf(w, "%s\t%.0f\t%d\t\n", x.title, micros(x.took), x.status)
	}
	w.Flush()
}

// upload is a multipart body with one file of this size.
func upload(size int) (contentType string, body []byte) {
	const boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
	var b bytes.Buffer
	b.Grow(size + 300)
	fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"holiday.png\"\r\nContent-Type: image/png\r\n\r\n", boundary)
	r := rand.New(rand.NewPCG(10, 20))
	for i := 0; i < size; i += 8 {
		var chunk [8]byte
		for j, x := 0, r.Uint64(); j < 8; j, x = j+1, x>>8 {
			chunk[j] = byte(x)
		}
		b.Write(chunk[:])
	}
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	return "multipart/form-data; boundary=" + boundary, b.Bytes()
}
