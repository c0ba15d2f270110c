package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Digest is that of the whole document, without making it: a log needs it of each decision, and a document takes a hundred allocations.
func (in *Input) Digest() string {
	var space [1024]byte
	b, err := in.appendJSON(space[:0])
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// appendJSON writes what AppendJSON writes of Value: the members in the order of their names.
func (in *Input) appendJSON(b []byte) (_ []byte, err error) {
	w := jsonText{b: append(b, '{')}
	if in.Body != nil && !in.Truncated {
		w.name("body")
		if w.b, err = AppendJSON(w.b, in.Body); err != nil {
			return nil, err
		}
	}
	w.open("client")
	if in.Client.IP.IsValid() {
		w.text("country", in.Client.Country, in.Client.Country != "")
		w.text("ip", in.Client.IP.String(), true)
		w.number("risk", int64(in.Client.Risk), in.Client.Risk > 0)
	}
	w.close()
	w.open("grants")
	w.list("parent", in.ParentRelations, true)
	w.list("resource", in.Relations, true)
	w.close()
	if in.Identity != nil {
		in.identityJSON(&w)
	}
	if m := in.Message; m != nil {
		w.open("message")
		w.text("direction", m.Direction, true)
		w.text("type", m.Type, true)
		w.close()
	}
	w.object("parent", in.Parent)
	w.open("request")
	w.text("classification", in.Classification, in.Classification != "")
	w.text("fields", in.Fields, true)
	w.text("host", in.Host, true)
	w.text("method", in.Method, true)
	w.text("path", in.Path, true)
	w.text("permission", in.Permission, true)
	if q, err := parseQuery(in.Query); err == nil {
		w.query(q)
	}
	w.text("route", in.Route, true)
	w.close()
	w.object("resource", in.Resource)
	w.text("target", in.Target, in.Target != "")
	if in.Body != nil || in.Truncated {
		w.flag("truncated", in.Truncated)
	}
	return append(w.b, '}'), nil
}

func (in *Input) identityJSON(w *jsonText) {
	i := in.Identity
	w.open("identity")
	w.text("acr", i.ACR, true)
	w.list("amr", i.Methods, true)
	w.time("auth_time", i.AuthTime)
	w.flag("break_glass", in.BreakGlass)
	w.time("created", i.Created)
	w.text("issuer", i.Issuer, i.Issuer != "")
	w.text("kind", i.Kind, true)
	w.time("mfa_time", i.MFATime)
	w.text("name", i.Name, true)
	w.list("risk", i.Risk, true)
	w.list("roles", i.Roles, true)
	w.list("scopes", i.Scopes, i.Scopes != nil)
	w.text("session", i.Session, true)
	w.text("subject", i.Subject, true)
	w.flag("trusted_device", i.Trusted)
	w.close()
}

// jsonText writes the members of JSON objects.
type jsonText struct{ b []byte }

func (w *jsonText) name(n string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), n...), '"', ':')
}

func (w *jsonText) open(n string) {
	w.name(n)
	w.b = append(w.b, '{')
}

func (w *jsonText) close() { w.b = append(w.b, '}') }

func (w *jsonText) text(n, v string, there bool) {
	if there {
		w.name(n)
		w.b = appendQuoted(w.b, v)
	}
}

func (w *jsonText) list(n string, v []string, there bool) {
	if !there {
		return
	}
	w.name(n)
	w.b = append(w.b, '[')
	for i, s := range v {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendQuoted(w.b, s)
	}
	w.b = append(w.b, ']')
}

func (w *jsonText) query(q parameters) {
	w.name("query")
	w.b = append(w.b, '{')
	for name, values := range q.each {
		if w.b[len(w.b)-1] != '{' {
			w.b = append(w.b, ',')
		}
		w.b = append(appendQuoted(w.b, name), ':', '[')
		for i := range values {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = appendQuoted(w.b, values[i].value)
		}
		w.b = append(w.b, ']')
	}
	w.b = append(w.b, '}')
}

func (w *jsonText) flag(n string, v bool) {
	w.name(n)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *jsonText) number(n string, v int64, there bool) {
	if there {
		w.name(n)
		w.b = strconv.AppendInt(w.b, v, 10)
	}
}

func (w *jsonText) time(n string, v time.Time) {
	w.number(n, v.Unix(), !v.IsZero())
}

func (w *jsonText) object(n string, o Object) {
	if o.IsZero() {
		return
	}
	w.open(n)
	w.text("id", o.ID, true)
	w.text("type", o.Type, true)
	w.close()
}
