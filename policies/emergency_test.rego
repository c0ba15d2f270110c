package gateway_test

emergency_permissions := {permission | some permission, about in data.permissions; about.break_glass}

test_emergency_access_opens_what_data_lists if {
	emergency_permissions == {"room:read", "room:join", "message:list", "message:receive", "message:read", "message:delete", "file:read", "file:delete"}
	every permission in emergency_permissions {
		not allowed(in_parent("user", permission, [], []))
		decide(in_break_glass(in_parent("user", permission, [], []))) == {
			"allow": true, "reason": "emergency access",
			"obligations": {"tier": "standard", "log": "full", "incident": "break-glass"},
		}
	}
}

test_emergency_access_opens_nothing_else if {
	every permission, _ in object.remove(data.permissions, emergency_permissions) {
		plain := decide(in_parent("user", permission, [], []))
		broken := decide(in_break_glass(in_parent("user", permission, [], [])))
		plain.allow == broken.allow
		plain.reason == broken.reason
	}
}

# What one may anyhow is no incident, but logged.
test_all_that_is_done_in_it_is_logged if {
	decide(in_break_glass(on_resource("user", "room:read", ["member"]))) == {
		"allow": true, "reason": "grant on the resource",
		"obligations": {"tier": "standard", "log": "full"},
	}
}

test_only_people_have_it if {
	every kind in ["service", "foreign", ""] {
		not allowed(object.union(in_break_glass(on_resource("moderator", "room:read", [])), {"identity": {"kind": kind}}))
	}
}

# What others may anyhow they may, and it is nothing special.
test_others_are_as_without_it if {
	document := object.union(in_break_glass(on_resource("user", "room:read", ["member"])), {"identity": {"kind": "service"}})
	decide(document) == {"allow": true, "reason": "grant on the resource", "obligations": {"tier": "standard"}}
}

test_it_does_not_widen_a_token if {
	document := in_break_glass(on_resource("moderator", "room:read", []))
	refused_for(scoped(document, ["room:list"]), "outside the token's scopes")
	allowed(scoped(document, ["room:read"]))
}

test_it_stands_for_no_second_factor if {
	document := object.union(in_break_glass(on_resource("moderator", "room:read", [])), {"request": {"classification": "restricted"}})
	step_up_for(document, "a recent second factor is needed", {"max_age": 600})
	allowed_for(with_factor(document, 10), "emergency access")
}

test_who_may_take_it if {
	every role in ["moderator", "admin"] {
		allowed_for(with_factor(asked_by(role, "break-glass"), 600), "role")
		step_up_for(with_factor(asked_by(role, "break-glass"), 601), "a recent second factor is needed", {"max_age": 600})
		step_up_for(asked_by(role, "break-glass"), "a recent second factor is needed", {"max_age": 600})
	}
	every role in ["user", "premium", "root"] {
		refused_for(with_factor(asked_by(role, "break-glass"), 0), "no role permits it")
	}
}
