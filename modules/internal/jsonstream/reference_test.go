package jsonstream

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// reference does the same on the whole document at once.
func reference(document []byte, list Path, filtered bool, fields []Path, masks []Path, keep func([]Field) (bool, error)) ([]byte, error) {
	doc, err := strictjson.Parse(document)
	if err != nil {
		return nil, err
	}
	r := &referee{data: document, fields: fields, masks: masks, keep: keep}
	if filtered {
		at, hidden, err := r.find(doc, list, masks)
		if err != nil {
			return nil, err
		}
		if at.Kind != strictjson.Array {
			return nil, errors.New("no list")
		}
		if r.list = at; hidden {
			r.list = nil
		}
	}
	var out bytes.Buffer
	last := 0
	if err := r.write(&out, doc, masks, &last); err != nil {
		return nil, err
	}
	out.Write(document[last:])
	return out.Bytes(), nil
}

type referee struct {
	data   []byte
	list   *strictjson.Value
	fields []Path
	masks  []Path
	keep   func([]Field) (bool, error)
}

// find goes to the list; hidden tells whether a mask lies over it.
func (r *referee) find(v *strictjson.Value, p Path, masks []Path) (at *strictjson.Value, hidden bool, err error) {
	hidden = ends(masks)
	if len(p) == 0 {
		return v, hidden, nil
	}
	switch v.Kind {
	case strictjson.Object:
		var next *strictjson.Value
		for i := range v.Members {
			m := &v.Members[i]
			if m.Name == p[0] {
				next = &m.Value
			} else if strings.EqualFold(m.Name, p[0]) {
				return nil, false, errors.New("ambiguous")
			}
		}
		if next != nil {
			at, below, err := r.find(next, p[1:], after(masks, p[0]))
			return at, hidden || below, err
		}
	case strictjson.Array:
		if i, err := strconv.Atoi(p[0]); err == nil && i >= 0 && i < len(v.Items) && strconv.Itoa(i) == p[0] {
			at, below, err := r.find(&v.Items[i], p[1:], masks)
			return at, hidden || below, err
		}
	}
	return nil, false, errors.New("no list")
}

func ends(masks []Path) bool {
	for _, m := range masks {
		if len(m) == 0 {
			return true
		}
	}
	return false
}

func after(masks []Path, name string) (out []Path) {
	for _, m := range masks {
		if len(m) > 0 && strings.EqualFold(m[0], name) {
			out = append(out, m[1:])
		}
	}
	return out
}

// write copies v, what came before it first.
func (r *referee) write(out *bytes.Buffer, v *strictjson.Value, masks []Path, last *int) error {
	if ends(masks) {
		out.Write(r.data[*last:v.Start])
		out.WriteString("null")
		*last = v.End
		return nil
	}
	if v == r.list {
		return r.writeList(out, v, masks, last)
	}
	for i := range v.Members {
		if err := r.write(out, &v.Members[i].Value, after(masks, v.Members[i].Name), last); err != nil {
			return err
		}
	}
	for i := range v.Items {
		if err := r.write(out, &v.Items[i], masks, last); err != nil {
			return err
		}
	}
	return nil
}

func (r *referee) writeList(out *bytes.Buffer, v *strictjson.Value, masks []Path, last *int) error {
	out.Write(r.data[*last : v.Start+1])
	first := true
	for i := range v.Items {
		item := &v.Items[i]
		fields := make([]Field, len(r.fields))
		for j, p := range r.fields {
			at, err := item, error(nil)
			for k := 0; k < len(p) && at != nil; k++ {
				if at, err = at.Get(p[k]); err != nil {
					return err
				}
			}
			if at != nil {
				fields[j] = Field{Given: true, Kind: at.Kind, Text: at.Text}
				if at.Kind == strictjson.Null {
					fields[j].Text = "null"
				}
			}
		}
		keep, err := r.keep(fields)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		*last = item.Start
		if err := r.write(out, item, masks, last); err != nil {
			return err
		}
		out.Write(r.data[*last:item.End])
	}
	*last = v.End - 1
	return nil
}
