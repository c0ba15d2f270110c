package openapi

import (
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/schema"
)

// Socket is what the messages of a WebSocket are held to.
type Socket struct {
	Type string // the member that names a message's type
	In   map[string]*schema.Schema
	Out  map[string]*schema.Schema
}

func (r *reader) socket(s spot) (*Socket, error) {
	const extension = "x-websocket"
	if s.obj[extension] == nil {
		return nil, nil
	}
	found, err := r.object(s.below(extension))
	if err != nil {
		return nil, err
	}
	for name := range found.obj {
		switch name {
		case "type", "in", "out":
		default:
			return nil, found.errorf("it knows type, in and out, not %s", name)
		}
	}
	k := &Socket{Type: found.string("type")}
	if k.Type == "" {
		k.Type = "type"
	}
	if k.In, err = r.messages(found, "in", schema.Sent); err != nil {
		return nil, err
	}
	k.Out, err = r.messages(found, "out", schema.Answered)
	return k, err
}

func (r *reader) messages(s spot, name string, d schema.Direction) (map[string]*schema.Schema, error) {
	types, err := s.members(name)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*schema.Schema, len(types))
	for kind, at := range types {
		if all[kind], err = r.schemas.Compile(at, d); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Check holds a message to the schema of its type.
func (k *Socket) Check(types map[string]*schema.Schema, v *strictjson.Value) []Fault {
	named, err := v.Get(k.Type)
	pointer := string(strictjson.AppendToken(nil, k.Type))
	fault := func(kind schema.Kind, reason string) []Fault {
		return []Fault{{InMessage, schema.Fault{Kind: kind, Pointer: pointer, Place: pointer, Reason: reason}}}
	}
	switch {
	case err != nil:
		return fault(schema.Unknown, "differs from another member only in upper and lower case")
	case named == nil:
		return fault(schema.Missing, "is missing")
	case named.Kind != strictjson.String || types[named.Text] == nil:
		return fault(schema.Value, "is not one of the known types")
	}
	return all(InMessage, types[named.Text].Check(v, maxFaults))
}
