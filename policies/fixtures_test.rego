package gateway_test

import data.gateway

now := 1700000000

person(role) := {
	"subject": "s1", "name": "ursula", "roles": [role], "kind": "person", "amr": ["pwd"], "acr": "aal1", "auth_time": now, "session": "x",
	"trusted_device": false, "risk": [], "created": now - 86400, "break_glass": false,
}

ask(permission) := {"request": {"method": "GET", "path": "/", "permission": permission, "fields": ""}, "client": {"ip": "192.0.2.1", "country": "DE"}}

asked_by(role, permission) := object.union(ask(permission), {"identity": person(role)})

on_resource(role, permission, relations) := object.union(asked_by(role, permission), {
	"resource": {"type": "room", "id": "general"},
	"grants": {"resource": relations, "parent": []},
})

in_parent(role, permission, relations, parent_relations) := object.union(asked_by(role, permission), {
	"resource": {"type": "message", "id": "1"},
	"parent": {"type": "room", "id": "general"},
	"grants": {"resource": relations, "parent": parent_relations},
})

put(role, permission, relations, target) := object.union(on_resource(role, permission, relations), {"target": target})

# With a second factor given so many seconds ago.
with_factor(document, seconds_ago) := object.union(document, {"identity": {"acr": "aal2", "amr": ["pwd", "otp", "mfa"], "mfa_time": now - seconds_ago}})

in_break_glass(document) := object.union(document, {"identity": {"break_glass": true}})

# The decision. Whatever is asked, the short way and the long one say the same.
decide(document) := d if {
	d := gateway.decision with input as document with time.now_ns as now * 1000000000
	d == gateway.considered with input as document with time.now_ns as now * 1000000000
}

allowed(document) if decide(document).allow == true

allowed_for(document, reason) if {
	d := decide(document)
	d.allow == true
	d.reason == reason
}

refused_for(document, reason) if decide(document) == {"allow": false, "reason": reason, "obligations": {}}

step_up_for(document, reason, obligations) if {
	decide(document) == {"allow": false, "reason": reason, "obligations": object.union({"step_up": true}, obligations)}
}

test_fixtures_decide_both_ways if {
	allowed(ask("public"))
	not allowed(ask("none"))
	refused_for(ask("none"), "closed to everyone")
	not refused_for(ask("public"), "closed to everyone")
	not allowed_for(ask("public"), "signed in")
}
