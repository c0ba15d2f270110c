package record

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/protect/stream"
)

// WithSizes adds to a plan of answers, or makes of none, that numbers which tell how long an encrypted file is become the length of the file
// itself. They are named by pointers that begin at the document. Whoever made the plan alone has it.
func (p *Plan) WithSizes(pointers []string) (*Plan, error) {
	if len(pointers) == 0 {
		return p, nil
	}
	if p == nil {
		p = &Plan{root: &node{}}
	}
	for _, text := range pointers {
		path, err := pointer(text)
		if err != nil {
			return nil, fmt.Errorf("size %w", err)
		}
		n := p.root.at(path)
		if n.field != "" || n.record != nil || len(path) == 0 {
			return nil, fmt.Errorf("size %q: it is a number, and no field or record", text)
		}
		n.size = true
		if in := len(p.list); p.list != nil && (len(path) <= in || !slices.Equal(path[:in], p.list) || path[in] != star) {
			p.list, p.each = nil, nil // elements are not all there is to change
		}
	}
	return p, nil
}

// openSize puts the length of a file in the place of that of its stream. A number that is no stream's length is a file's that was never encrypted.
func (j *job) openSize(v *strictjson.Value) {
	if v.Kind != strictjson.Number {
		return
	}
	sealed, err := strconv.ParseInt(string(j.data[v.Start:v.End]), 10, 64)
	if err != nil {
		return
	}
	if plain, ok := stream.PlainSize(sealed); ok {
		from := len(j.new)
		j.new = strconv.AppendInt(j.new, plain, 10)
		j.edits = append(j.edits, edit{v.Start, v.End, from, len(j.new)})
	}
}
