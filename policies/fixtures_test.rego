package gateway_test

import data.gateway

now := 1700000000

person(role) := {"subject": "s1", "name": "ursula", "roles": [role], "amr": ["pwd"], "auth_time": now, "session": "x"}

ask(permission) := {"request": {"method": "GET", "path": "/", "permission": permission}, "client": {"ip": "192.0.2.1"}}

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

allowed(document) if {
	d := gateway.decision with input as document
	d.allow == true
}

refused_for(document, reason) if {
	d := gateway.decision with input as document
	d.allow == false
	d.reason == reason
}

test_fixtures_decide_both_ways if {
	allowed(ask("public"))
	not allowed(ask("none"))
	refused_for(ask("none"), "closed to everyone")
	not refused_for(ask("public"), "closed to everyone")
}
