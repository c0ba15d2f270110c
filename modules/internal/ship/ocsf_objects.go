package ship

import (
	"slices"
	"strings"
	"time"
)

// source is the network endpoint that it came from.
func (r *ocsfRecord) source() object {
	o := object{}
	r.put(o, "ip", "source.ip")
	if place := r.text("source.geo.country_iso_code"); place != "" {
		o["location"] = object{"country": place}
	}
	as := object{}
	r.put(as, "number", "source.as.number")
	r.put(as, "name", "source.as.organization.name")
	if len(as) > 0 {
		o["autonomous_system"] = as
	}
	return o
}

// destination is this gateway, by the host that was asked for.
func (r *ocsfRecord) destination() object {
	o := object{"name": "gateway"}
	r.put(o, "hostname", "url.domain")
	r.put(o, "uid", "gateway.node")
	return o
}

// user is who it is about: the account, or what was tried for one, or nobody whom we know.
func (r *ocsfRecord) user() object {
	o := object{}
	r.put(o, "uid", "user.id")
	if o["uid"] == nil {
		r.put(o, "uid", "gateway.account")
	}
	if o["uid"] == nil {
		o["name"] = "unknown"
	}
	if roles := r.e.list("user.roles"); len(roles) > 0 {
		r.used["user.roles"] = true
		groups := make([]object, 0, len(roles))
		for _, role := range roles {
			groups = append(groups, object{"name": role})
		}
		o["groups"] = groups
	}
	return o
}

func (r *ocsfRecord) request() object {
	o, u := object{}, object{}
	r.put(o, "http_method", "http.request.method")
	r.put(o, "user_agent", "user_agent.original")
	r.put(o, "length", "http.request.body.bytes")
	r.put(u, "path", "url.path")
	r.put(u, "hostname", "url.domain")
	if len(u) > 0 {
		o["url"] = u
	}
	if len(o) > 0 {
		r.put(o, "uid", "http.request.id")
	}
	return o
}

func (r *ocsfRecord) http() {
	request := r.request()
	if request["url"] == nil {
		request["url"] = object{"path": "/"}
	}
	r.out["http_request"] = request
	response := object{}
	r.put(response, "code", "http.response.status_code")
	r.put(response, "length", "http.response.body.bytes")
	if len(response) > 1 || response["code"] != nil {
		r.out["http_response"] = response
	}
	r.optional("src_endpoint", r.source())
	r.out["dst_endpoint"] = r.destination()
	if r.e.text("user.id") != "" {
		r.out["actor"] = object{"user": r.user()}
	}
}

func (r *ocsfRecord) authentication() {
	r.out["user"] = r.user()
	r.out["dst_endpoint"], r.out["service"] = r.destination(), object{"name": "gateway"}
	r.out["is_remote"] = true
	r.optional("src_endpoint", r.source())
	r.optional("http_request", r.request())
	if s := r.text("gateway.session"); s != "" {
		r.out["session"] = object{"uid": s}
	}
}

// account is a change of one: of the caller's own, or by an actor of another's.
func (r *ocsfRecord) account() {
	if target := r.text("user.target.id"); target != "" {
		r.out["user"] = object{"uid": target}
		r.out["actor"] = object{"user": r.user()}
		return
	}
	r.out["user"] = r.user()
}

func (r *ocsfRecord) api() {
	r.out["api"] = object{"operation": r.e.text("event.action"), "service": object{"name": "gateway"}}
	source := r.source()
	if len(source) == 0 {
		source["name"] = "gateway"
		r.put(source, "uid", "gateway.node")
	}
	r.out["src_endpoint"] = source
	if r.e.text("user.id") != "" || r.e.text("gateway.account") != "" {
		r.out["actor"] = object{"user": r.user()}
	} else {
		r.out["actor"] = object{"app_name": "gateway"}
	}
	r.optional("http_request", r.request())
}

// finding is what a rule saw.
func (r *ocsfRecord) finding() object {
	o := object{"title": "finding", "uid": r.e.text("event.id")}
	r.put(o, "uid", "gateway.finding.id")
	r.put(o, "title", "gateway.finding.title")
	if why := r.e.text("event.reason"); why != "" {
		o["desc"] = why
	}
	for member, field := range map[string]string{"first_seen_time": "gateway.finding.first", "last_seen_time": "gateway.finding.last"} {
		if t, err := time.Parse(time.RFC3339Nano, r.e.text(field)); err == nil {
			r.used[field], o[member] = true, t.UnixMilli()
		}
	}
	r.put(o, "related_events_count", "gateway.finding.count")
	analytic := object{"type_id": 1}
	r.put(analytic, "uid", "gateway.finding.rule")
	r.put(analytic, "name", "gateway.finding.title")
	o["analytic"] = analytic
	if attacks := attacks(r.e.list("gateway.finding.tags")); len(attacks) > 0 {
		o["attacks"] = attacks
	}
	return o
}

// incident is several findings that are worked as one.
func (r *ocsfRecord) incident() {
	info := object{"title": "incident", "uid": r.e.text("event.id")}
	r.put(info, "uid", "gateway.incident.id")
	r.put(info, "title", "gateway.incident.title")
	if attacks := attacks(r.e.list("gateway.incident.tags")); len(attacks) > 0 {
		info["attacks"] = attacks
	}
	r.out["finding_info_list"] = []object{info}
	// One of assignee and assignee_group is demanded; we know no more of who works on it.
	r.out["assignee_group"] = object{"name": "operators"}
}

// attacks are the techniques of ATT&CK among a rule's tags.
func attacks(tags []string) []object {
	var all []object
	for _, tag := range tags {
		id, ok := strings.CutPrefix(strings.ToLower(tag), "attack.t")
		if ok && id != "" && id[0] >= '0' && id[0] <= '9' {
			all = append(all, object{"technique": object{"uid": "T" + id}})
		}
	}
	return slices.Clip(all)
}
