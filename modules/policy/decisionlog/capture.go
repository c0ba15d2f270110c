package decisionlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/internal/redact"
)

// Captured is a decision with the whole of what it was made from, but for secrets.
type Captured struct {
	Time      time.Time       `json:"time"`
	ID        string          `json:"id"`         // of the decision, as in its event
	RequestID string          `json:"request_id"` // http.request.id of its event
	Input     json.RawMessage `json:"input"`
	Result    Result          `json:"result"`
	Rule      string          `json:"rule,omitempty"`
	Failure   string          `json:"failure,omitempty"` // why there was no decision
	Revision  string          `json:"revision"`
	Micros    int64           `json:"micros"`
	Removed   []string        `json:"removed,omitempty"` // where in the body secrets were taken out
}

// Result is a decision as a policy gives it.
type Result struct {
	Allow       bool           `json:"allow"`
	Reason      string         `json:"reason"`
	Obligations map[string]any `json:"obligations"`
}

// captureKind is what captures are sealed as.
const captureKind = "policy.capture"

// CaptureOptions are those of a writer of captures.
func CaptureOptions(o records.Options) records.Options {
	o.Kind = captureKind
	return o
}

// ReadCaptures calls f with every record of the file, as records.Read does.
func ReadCaptures(r io.Reader, keys records.Sealer, f func(*Captured) error) error {
	return records.Read(r, captureKind, keys, func(b []byte) error {
		c := new(Captured)
		if err := json.Unmarshal(b, c); err != nil {
			return fmt.Errorf("it is not as this version writes it: %w", err)
		}
		return f(c)
	})
}

// Encode implements records.Record.
func (c *Captured) Encode() ([]byte, error) { return json.Marshal(c) }

// Weight implements records.Record.
func (c *Captured) Weight() int64 { return int64(len(c.Input)) + 512 }

func (r *record) capture() (*Captured, error) {
	if r.document == nil {
		return nil, errors.New("there is no document")
	}
	input, removed, err := plain(r.document())
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	return &Captured{
		Time: r.Time.UTC(), ID: r.id, RequestID: r.Input.RequestID, Input: raw, Result: ResultOf(r.Decision), Rule: r.rule,
		Failure: string(r.Decision.Failure), Revision: r.Decision.Revision, Micros: r.Took.Microseconds(), Removed: removed,
	}, nil
}

// plain is the document without secrets: what of the body and of the query is one by its name, and tokens wherever a client put them.
func plain(document ast.Value) (input any, removed []string, err error) {
	if input, err = ast.JSON(document); err != nil {
		return nil, nil, err
	}
	c := cleaner{}
	top, _ := input.(map[string]any)
	for name, v := range top {
		top[name] = c.clean(name, v, name == "body")
	}
	if request, ok := top["request"].(map[string]any); ok {
		if query, ok := request["query"].(map[string]any); ok {
			c.cleanQuery("request.query", query)
		}
	}
	slices.Sort(c.removed)
	return input, slices.Compact(c.removed), nil
}

// cleaner takes out secrets, and keeps where they were.
type cleaner struct{ removed []string }

func (c *cleaner) clean(at string, v any, byName bool) any {
	switch v := v.(type) {
	case string:
		text := redact.Tokens(v)
		if text != v {
			c.removed = append(c.removed, at)
		}
		return text
	case []any:
		for i, e := range v {
			v[i] = c.clean(at+"."+strconv.Itoa(i), e, byName)
		}
	case map[string]any:
		for name, e := range v {
			inner := at + "." + name
			if byName && redact.Name(name) {
				c.removed, v[name] = append(c.removed, strings.ToValidUTF8(inner, "�")), redact.Removed
				continue
			}
			e = c.clean(inner, e, byName)
			if safe := redact.Tokens(name); safe != name {
				delete(v, name)
				c.removed, name = append(c.removed, at), safe
			}
			v[name] = e
		}
	}
	return v
}

// cleanQuery takes out the values of parameters that are secrets by their names, and such as are queries of their own with one in it (`next=/login?token=…`).
// What is left has the form that policies know.
func (c *cleaner) cleanQuery(at string, query map[string]any) {
	for name, v := range query {
		values, _ := v.([]any)
		for i, v := range values {
			if text, ok := v.(string); ok && text != redact.Removed && (secretParameter(name) || carriesSecret(text)) {
				values[i] = redact.Removed
				c.removed = append(c.removed, at+"."+name)
			}
		}
	}
}

// secretParameter knows what links and redirects carry besides: codes of logins (RFC 6749), and what signs a link.
func secretParameter(name string) bool {
	switch strings.ToLower(name) {
	case "code", "sig", "signature", "key", "auth", "jwt", "sid", "session", "ticket", "samlresponse":
		return true
	}
	return redact.Name(name)
}

// carriesSecret tells whether a value holds parameters, one of which is a secret. It errs on the side of too much.
func carriesSecret(value string) bool {
	return strings.ContainsRune(value, '=') && redact.Word(strings.ToLower(value))
}
