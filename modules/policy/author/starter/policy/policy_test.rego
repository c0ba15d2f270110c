package gateway_test

import data.gateway

# What the gateway asks with, as small as a test needs it.

now := 1700000000

ask(permission) := {"request": {"method": "GET", "path": "/", "permission": permission}}

person(role) := {"subject": "s1", "name": "ursula", "roles": [role]}

asked_by(role, permission) := object.union(ask(permission), {"identity": person(role)})

on_note(role, permission, relations) := object.union(asked_by(role, permission), {
	"resource": {"type": "note", "id": "1"},
	"grants": {"resource": relations, "parent": []},
})

allowed(document, reason) if {
	d := gateway.decision with input as document
	d == {"allow": true, "reason": reason}
}

refused(document, reason) if {
	d := gateway.decision with input as document
	d == {"allow": false, "reason": reason}
}

test_what_is_not_known_is_refused if refused(asked_by("admin", "note:burn"), "the permission is not known")

test_nothing_asked_is_refused if refused({}, "the permission is not known")

test_none_is_closed if refused(asked_by("admin", "none"), "closed to everyone")

test_public_is_open if {
	allowed(ask("public"), "open to everyone")
	allowed(asked_by("user", "public"), "open to everyone")
}

test_the_signed_in if {
	every permission in ["app:read", "app:write", "note:list", "note:create"] {
		allowed(asked_by("user", permission), "signed in")
		refused(ask(permission), "nobody is signed in")
	}
}

test_owners_do_all_to_their_notes if {
	every permission in ["note:read", "note:write", "note:share", "note:delete"] {
		allowed(on_note("user", permission, ["owner"]), "relation to the note")
	}
}

test_readers_read if {
	allowed(on_note("user", "note:read", ["reader"]), "relation to the note")
	refused(on_note("user", "note:write", ["reader"]), "no relation to the note")
}

test_a_note_of_somebody_else if refused(on_note("user", "note:read", []), "no relation to the note")

test_relations_are_of_the_signed_in if {
	refused(object.remove(on_note("user", "note:read", ["owner"]), {"identity"}), "nobody is signed in")
}

test_moderators_delete_any if {
	allowed(on_note("moderator", "note:delete", []), "role")
	refused(on_note("moderator", "note:read", []), "no relation to the note")
}

test_export_is_for_admins if refused(asked_by("moderator", "note:export"), "no role permits it")

exported(seconds_ago) := d if {
	document := object.union(asked_by("admin", "note:export"), {"identity": {"mfa_time": now - seconds_ago}})
	d := gateway.decision with input as document with time.now_ns as now * 1000000000
}

test_export_needs_a_second_factor if {
	exported(600) == {"allow": true, "reason": "role"}
	exported(601).allow == false
	exported(601).obligations == {"step_up": true, "max_age": 600}
}

test_export_without_any_second_factor if {
	d := gateway.decision with input as asked_by("admin", "note:export")
	d.obligations.step_up == true
}
