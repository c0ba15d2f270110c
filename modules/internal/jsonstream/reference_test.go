package jsonstream

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// reference does the same on the whole document at once.
func reference(document []byte, list Path, filtered bool, fields []Path, masks []refMask, keep func([]Field) (bool, error)) ([]byte, error) {
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
	masks  []refMask
	keep   func([]Field) (bool, error)
}

// find goes to the list; hidden tells whether a mask lies over it.
func (r *referee) find(v *strictjson.Value, p Path, masks []refMask) (at *strictjson.Value, hidden bool, err error) {
	hidden = ends(masks) != nil && (ends(masks).Replace == nil || v.Kind != strictjson.Array)
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

// refMask is a mask, and what is left of its path.
type refMask struct {
	path Path
	*Mask
}

// ends is the mask over a value, nil for none.
func ends(masks []refMask) (found *Mask) {
	for _, m := range masks {
		if len(m.path) == 0 && (found == nil || found.Rank < m.Rank) {
			found = m.Mask
		}
	}
	return found
}

func after(masks []refMask, name string) (out []refMask) {
	for _, m := range masks {
		if len(m.path) > 0 && strings.EqualFold(m.path[0], name) {
			out = append(out, refMask{m.path[1:], m.Mask})
		}
	}
	return out
}

// instead is what stands in the place of a masked value.
func instead(m *Mask, v *strictjson.Value) string {
	if m.Replace == nil || v.Kind == strictjson.Object {
		return "null"
	}
	text := v.Text
	if v.Kind == strictjson.Null {
		text = "null"
	}
	if out := m.Replace(Field{Given: true, Kind: v.Kind, Text: text}); out != nil {
		return string(out)
	}
	return "null"
}

// write copies v, what came before it first.
func (r *referee) write(out *bytes.Buffer, v *strictjson.Value, masks []refMask, last *int) error {
	if m := ends(masks); m != nil && (m.Replace == nil || v.Kind != strictjson.Array) {
		out.Write(r.data[*last:v.Start])
		out.WriteString(instead(m, v))
		*last = v.End
		return nil
	}
	if v == r.list {
		return r.writeList(out, v, masks, last)
	}
	dropping := slices.ContainsFunc(masks, func(m refMask) bool { return len(m.path) == 1 && m.Drop })
	kept := false
	for i := range v.Members {
		m := &v.Members[i]
		if dropping {
			r.comma(out, v, i, last)
			if over := ends(after(masks, m.Name)); over != nil && over.Drop {
				*last = m.Value.End
				continue
			}
			if kept {
				out.WriteByte(',')
			}
			kept = true
		}
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

// comma copies what comes before the i-th member of an object and the comma before it, and takes that comma away.
func (r *referee) comma(out *bytes.Buffer, v *strictjson.Value, i int, last *int) {
	at := v.Start
	if i > 0 {
		at = v.Members[i-1].Value.End + bytes.IndexByte(r.data[v.Members[i-1].Value.End:], ',')
		out.Write(r.data[*last:at])
	} else {
		out.Write(r.data[*last : at+1])
	}
	*last = at + 1
}

func (r *referee) writeList(out *bytes.Buffer, v *strictjson.Value, masks []refMask, last *int) error {
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
