package waf

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// What is over the limit passes where the operator says so: whole, and with a word of it in the verdict.
func TestBodiesOverTheLimitPass(t *testing.T) {
	h := provision(t, &Handler{BodyLimit: 1000, UploadLimit: 1000, OverLimit: Pass})
	reject := provision(t, &Handler{BodyLimit: 1000, UploadLimit: 1000})
	long := strings.Repeat("a", 3000)
	for _, c := range []struct {
		name, target, contentType, body string
		uninspected                     string
		pass                            bool
	}{
		{"json", "/x", js, jsonText(long), "body", true},
		{"json with an sqliQuery, the price", "/x", js, `{"a":"` + sqli + `","b":"` + long + `"}`, "body", true},
		{"xml", "/x", "application/xml", "<m><a>" + long + "</a></m>", "body", true},
		{"multipart", "/x", "multipart/form-data; boundary=b0", multipartBody("a", long), "body", true},
		{"form", "/x", form, "a=" + long, "body-rest", true},
		{"form, attack within the limit", "/x", form, "b=%27+OR+1%3D1--&a=" + long, "", false},
		{"form, attack behind the limit, the price", "/x", form, "a=" + long + "&b=%27+OR+1%3D1--", "body-rest", true},
		{"attack in the query", "/x" + sqliQuery, js, jsonText(long), "", false},
		{"octet stream", "/x", "application/octet-stream", long, "body-rest", true},
		{"json within the limit", "/x", js, jsonText("hello"), "", true},
		{"attack within the limit", "/x", js, jsonText(sqli), "", false},
		{"broken json within the limit", "/x", js, `{"a":`, "", false},
	} {
		for _, chunked := range []bool{false, true} {
			send := func(h *Handler) outcome {
				r := request("POST", c.target, c.contentType, c.body)
				if chunked {
					r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
					r.Body = io.NopCloser(strings.NewReader(c.body))
				}
				return do(t, h, r)
			}
			o := send(h)
			if o.reached != c.pass || o.reached && o.body != c.body {
				t.Fatalf("%s: reached %t with %d of %d bytes, status %d, %+v", c.name, o.reached, len(o.body), len(c.body), o.status, o.verdict)
			}
			if c.pass && o.verdict.Uninspected != c.uninspected {
				t.Errorf("%s: uninspected %q", c.name, o.verdict.Uninspected)
			}
			if over := len(c.body) > 1000; over && c.target == "/x" {
				if o := send(reject); o.status != http.StatusRequestEntityTooLarge {
					t.Errorf("%s: reject gives %d", c.name, o.status)
				}
			}
		}
	}
}
