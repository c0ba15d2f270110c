package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/convosphere/gateway/test/kit"
)

// payloads is a file of GoTestWAF: each payload goes through each encoder into each placeholder.
type payloads struct {
	Payload     []string    `yaml:"payload"`
	Encoder     []string    `yaml:"encoder"`
	Placeholder []yaml.Node `yaml:"placeholder"`
	Type        string      `yaml:"type"`
}

// placeholder is where in a request the payload goes. Settings are those of GraphQL and RawRequest.
type placeholder struct {
	name     string
	settings struct {
		Method  string            `yaml:"method"`
		Path    string            `yaml:"path"`
		Headers map[string]string `yaml:"headers"`
		Body    string            `yaml:"body"`
	}
}

func readPlaceholder(n yaml.Node) (p placeholder, err error) {
	if n.Kind == yaml.ScalarNode {
		return placeholder{name: n.Value}, nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return p, fmt.Errorf("line %d: a placeholder is a name, or a name with settings", n.Line)
	}
	p.name = n.Content[0].Value
	return p, n.Content[1].Decode(&p.settings)
}

// encode writes the payload as the encoder of this name does.
func encode(encoder, payload string) (string, error) {
	switch encoder {
	case "Plain":
		return payload, nil
	case "URL":
		return url.QueryEscape(payload), nil
	case "Base64":
		return base64.StdEncoding.EncodeToString([]byte(payload)), nil
	case "Base64Flat":
		return base64.RawStdEncoding.EncodeToString([]byte(payload)), nil
	case "JSUnicode":
		return jsUnicode(payload), nil
	case "XMLEntity":
		return xmlEntities(payload), nil
	}
	return "", fmt.Errorf("encoder %q is not known", encoder)
}

func jsUnicode(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 0xFFFF { // two of them
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func xmlEntities(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
}

// name stands for the random names that GoTestWAF gives to parameters.
const name = "a1b2c3d4e5"

const soap = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
<soapenv:Header/><soapenv:Body><get xmlns="https://chat.example.com/v1"><` + name + `>%s</` + name + `></get></soapenv:Body>
</soapenv:Envelope>`

// fill puts the encoded payload into a request; false: no placeholder that an HTTP/1.1 gateway meets (gRPC).
func (p placeholder) fill(payload string) (request, bool, error) {
	post := func(contentType, body string) (request, bool, error) {
		return request{method: "POST", target: "/", contentType: contentType, body: body}, true, nil
	}
	switch p.name {
	case "URLPath":
		return request{method: "GET", target: "/" + payload}, true, nil
	case "URLParam":
		return request{method: "GET", target: "/?" + name + "=" + payload}, true, nil
	case "Header":
		return request{method: "GET", target: "/", header: map[string]string{"X-" + name: oneLine(payload)}}, true, nil
	case "UserAgent":
		return request{method: "GET", target: "/", header: map[string]string{"User-Agent": oneLine(payload)}}, true, nil
	case "HTMLForm":
		return post("application/x-www-form-urlencoded", name+"="+payload)
	case "HTMLMultipartForm":
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if err := w.WriteField(name, payload); err != nil {
			return request{}, false, err
		}
		if err := w.Close(); err != nil {
			return request{}, false, err
		}
		return post(w.FormDataContentType(), b.String())
	case "JSONBody":
		return post("application/json", payload)
	case "JSONRequest":
		return post("application/json", `{"test":true, "`+name+`": "`+jsUnicode(payload)+`"}`)
	case "RequestBody":
		return post("", payload)
	case "XMLBody":
		return post("text/xml", payload)
	case "SOAPBody":
		r, ok, err := post("text/xml", fmt.Sprintf(soap, xmlEntities(payload)))
		r.header = map[string]string{"SOAPAction": `"http://schemas.xmlsoap.org/soap/actor/next"`}
		return r, ok, err
	case "GraphQL":
		if p.settings.Method == "GET" {
			return request{method: "GET", target: "/?query=" + url.QueryEscape(payload)}, true, nil
		}
		return post("", payload) // GoTestWAF sends no type here
	case "RawRequest":
		r := request{method: p.settings.Method, target: strings.ReplaceAll(p.settings.Path, "{{payload}}", payload), header: map[string]string{}}
		for k, v := range p.settings.Headers {
			r.header[k] = oneLine(strings.ReplaceAll(v, "{{payload}}", payload))
		}
		r.body = strings.ReplaceAll(p.settings.Body, "{{payload}}", payload)
		return r, true, nil
	case "gRPC":
		return request{}, false, nil
	}
	return request{}, false, fmt.Errorf("placeholder %q is not known", p.name)
}

// oneLine is what fits into a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// set is the requests of one folder and type.
type set struct {
	title    string
	folder   string
	requests []request
	skipped  int // gRPC
}

func readGotestwaf(dir string) ([]set, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.yml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no sets in %s: say where with -data", dir)
	}
	slices.Sort(files)
	var all []set
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s, err := readSet(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		s.folder = filepath.Base(filepath.Dir(file))
		s.title = s.folder + "/" + strings.TrimSuffix(filepath.Base(file), ".yml")
		all = append(all, s)
	}
	return all, nil
}

func readSet(b []byte) (s set, err error) {
	var p payloads
	if err := yaml.Unmarshal(b, &p); err != nil {
		return s, err
	}
	for _, node := range p.Placeholder {
		place, err := readPlaceholder(node)
		if err != nil {
			return s, err
		}
		for _, text := range p.Payload {
			for _, e := range p.Encoder {
				encoded, err := encode(e, text)
				if err != nil {
					return s, err
				}
				r, ok, err := place.fill(encoded)
				if err != nil {
					return s, err
				}
				if !ok {
					s.skipped++
					continue
				}
				s.requests = append(s.requests, r)
			}
		}
	}
	return s, nil
}

// harmless is the folder of what must pass.
const harmless = "false-pos"

// tally counts requests, and those that were refused.
type tally struct{ sent, refused int }

func (c *tally) add(all []answer) {
	c.sent, c.refused = c.sent+len(all), c.refused+refused(all)
}

func (c tally) percent() float64 { return 100 * float64(c.refused) / float64(max(c.sent, 1)) }

// gotestwaf prints the block rate of each set, and the scores as GoTestWAF reckons them: API is the share of owasp-api that was refused;
// application is the mean of the share of owasp and community that was refused and the share of the harmless that was not; overall is their mean.
func gotestwaf(t kit.T, dir string, gateways ...*gateway) {
	sets, err := readGotestwaf(dir)
	if err != nil {
		t.Fatalf("GoTestWAF: %v", err)
	}
	fmt.Printf("\nGoTestWAF: refused, by set\n")
	w := table()
	fmt.Fprint(w, "\tsent\t")
	for _, g := range gateways {
		fmt.Fprintf(w, "%s\t", g.name)
	}
	fmt.Fprintln(w)
	api, app, good := make([]tally, len(gateways)), make([]tally, len(gateways)), make([]tally, len(gateways))
	skipped := 0
	for _, s := range sets {
		fmt.Fprintf(w, "%s\t%d\t", s.title, len(s.requests))
		skipped += s.skipped
		for i, g := range gateways {
			answers := g.send(t, s.requests)
			switch s.folder {
			case harmless:
				good[i].add(answers)
			case "owasp-api":
				api[i].add(answers)
			default:
				app[i].add(answers)
			}
			fmt.Fprintf(w, "%.1f%%\t", 100*share(answers))
		}
		fmt.Fprintln(w)
	}
	for _, row := range []struct {
		title string
		value func(i int) float64
	}{
		{"API", func(i int) float64 { return api[i].percent() }},
		{"application, attacks refused", func(i int) float64 { return app[i].percent() }},
		{"application, harmless passed", func(i int) float64 { return 100 - good[i].percent() }},
		{"application", func(i int) float64 { return application(app[i], good[i]) }},
		{"overall", func(i int) float64 { return (api[i].percent() + application(app[i], good[i])) / 2 }},
	} {
		fmt.Fprintf(w, "%s\t\t", row.title)
		for i := range gateways {
			fmt.Fprintf(w, "%.1f%%\t", row.value(i))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	fmt.Printf("published, ModSecurity with the CRS at paranoia level 1: API 42.9, application 68.2, overall 55.5; at level 4: 100, 36.7, 68.4\n")
	fmt.Printf("not sent: %d gRPC\n", skipped)
}

func application(attacks, harmless tally) float64 {
	return (attacks.percent() + 100 - harmless.percent()) / 2
}
