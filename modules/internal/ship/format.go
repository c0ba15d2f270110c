package ship

import "fmt"

// Format is how events are written for a receiver.
type Format uint8

// The formats.
const (
	ECS  Format = iota // as in the file: one JSON object with the fields of the Elastic Common Schema
	OCSF               // Open Cybersecurity Schema Framework, JSON
	CEF                // Common Event Format
)

// ParseFormat reads a format's word; "" is ECS.
func ParseFormat(word string) (Format, error) {
	switch word {
	case "", "ecs":
		return ECS, nil
	case "ocsf":
		return OCSF, nil
	case "cef":
		return CEF, nil
	}
	return 0, fmt.Errorf("%q is no format: they are ecs, ocsf and cef", word)
}

func (f Format) encode(e *flat) []byte {
	switch f {
	case OCSF:
		return ocsf(e)
	case CEF:
		return cef(e)
	}
	return e.line
}
