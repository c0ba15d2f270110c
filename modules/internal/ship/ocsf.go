package ship

import (
	"encoding/json"
	"strings"
)

// The version of the Open Cybersecurity Schema Framework that events are written in.
const ocsfVersion = "1.5.0"

// Classes of the schema that events are written as.
const (
	ocsfDetectionFinding = 2004
	ocsfIncidentFinding  = 2005
	ocsfAccountChange    = 3001
	ocsfAuthentication   = 3002
	ocsfHTTPActivity     = 4002
	ocsfAPIActivity      = 6003
)

const ocsfOther = 99

type object = map[string]any

// ocsf writes an event as the class that says it best. What a class has no place for is in `unmapped`, by the names of our events.
func ocsf(e *flat) []byte {
	r := &ocsfRecord{e: e, out: object{}, used: map[string]bool{}}
	class, activity := r.classify()
	r.out["class_uid"], r.out["category_uid"] = class, class/1000
	r.out["activity_id"], r.out["type_uid"] = activity, class*100+activity
	if activity == ocsfOther {
		r.out["activity_name"] = e.text("event.action")
	}
	r.base()
	switch class {
	case ocsfHTTPActivity:
		r.http()
	case ocsfAuthentication:
		r.authentication()
	case ocsfAccountChange:
		r.account()
		r.optional("src_endpoint", r.source())
		r.optional("http_request", r.request())
	case ocsfDetectionFinding:
		r.out["finding_info"] = r.finding()
	case ocsfIncidentFinding:
		r.incident()
	default:
		r.api()
	}
	r.rest()
	raw, err := json.Marshal(r.out)
	if err != nil { // strings, numbers, maps and lists of these: there is nothing that has no JSON
		return e.line
	}
	return raw
}

// ocsfRecord is an event of OCSF while it is written.
type ocsfRecord struct {
	e    *flat
	out  object
	used map[string]bool // fields that have their place
}

func (r *ocsfRecord) text(name string) string {
	r.used[name] = true
	return r.e.text(name)
}

func (r *ocsfRecord) optional(name string, o object) {
	if len(o) > 0 {
		r.out[name] = o
	}
}

// put sets a member where the event has the field.
func (r *ocsfRecord) put(o object, member, field string) {
	r.used[field] = true
	switch v := r.e.fields[field].(type) {
	case nil:
	case string:
		if v != "" {
			o[member] = v
		}
	default:
		o[member] = v
	}
}

// base is what all classes have.
func (r *ocsfRecord) base() {
	metadata := object{"version": ocsfVersion, "product": object{"name": "ConvoSphere Gateway", "vendor_name": "ConvoSphere"}}
	r.put(metadata, "uid", "event.id")
	r.put(metadata, "event_code", "event.action")
	r.put(metadata, "correlation_uid", "http.request.id")
	r.out["metadata"] = metadata
	r.out["time"] = r.e.time().UnixMilli()
	r.used["@timestamp"] = true
	level := r.e.level()
	r.out["severity_id"], r.out["severity"] = int(level)+1, strings.ToUpper(level.String()[:1])+level.String()[1:]
	r.put(r.out, "message", "event.reason")
	if ns, ok := r.e.number("event.duration"); ok {
		r.used["event.duration"] = true
		r.out["duration"] = ns / 1e6
	}
	if _, ok := r.out["status_id"]; !ok {
		switch r.text("event.outcome") {
		case "success":
			r.out["status_id"], r.out["status"] = 1, "Success"
		case "failure":
			r.out["status_id"], r.out["status"] = 2, "Failure"
		default:
			r.out["status_id"], r.out["status"] = 0, "Unknown"
		}
	}
}

// rest is all that has no place of its own.
func (r *ocsfRecord) rest() {
	unmapped := object{}
	for name, v := range r.e.fields {
		if !r.used[name] {
			unmapped[name] = v
		}
	}
	r.optional("unmapped", unmapped)
}
