package gateway_test

test_nothing_asked_is_refused if refused_for({}, "the permission is not known")

test_unknown_permission_is_refused if refused_for(asked_by("admin", "room:destroy"), "the permission is not known")

test_none_is_closed_to_admins_too if refused_for(asked_by("admin", "none"), "closed to everyone")

test_own_rules_need_a_ground_too if refused_for(asked_by("user", "message:delete"), "no grant on the resource")

# All but the open permissions, whatever the grants say.
test_missing_identity_is_refused if {
	every permission, about in object.remove(data.permissions, {"public"}) {
		about.by != "everyone"
		not allowed(object.union(ask(permission), {"grants": {"resource": ["owner", "author"], "parent": ["owner"]}}))
	}
}

test_missing_identity_says_so if refused_for(ask("room:list"), "nobody is signed in")

test_roles_that_do_not_exist_permit_nothing if refused_for(on_resource("root", "room:read", ["owner"]), "no role permits it")

test_person_without_roles_is_permitted_nothing if {
	bare := object.union(ask("room:list"), {"identity": object.remove(person("user"), {"roles"})})
	refused_for(bare, "no role permits it")
}

test_one_s_own_ground_comes_first if {
	allowed_for(put("moderator", "member:add", ["owner"], "ursula"), "joins by themselves")
	allowed_for(put("moderator", "member:add", ["owner"], "petra"), "in charge of the resource, adds")
	allowed_for(put("moderator", "member:add", [], "petra"), "role, anywhere")
	allowed_for(in_break_glass(in_parent("moderator", "message:delete", [], [])), "role, anywhere")
}

# Every permission is asked for in every way that a rule looks at: the short way never differs from the long one (see decide).
test_short_and_long_of_an_author if {
	every permission, _ in data.permissions {
		decide(in_parent("user", permission, ["owner", "author"], ["member"]))
	}
}

test_short_and_long_of_a_moderator if {
	every permission, _ in data.permissions {
		decide(put("moderator", permission, ["member"], "ursula"))
	}
}

test_short_and_long_in_an_emergency if {
	every permission, _ in data.permissions {
		decide(in_break_glass(put("user", permission, [], "petra")))
	}
}

test_short_and_long_of_what_is_restricted if {
	every permission, _ in data.permissions {
		decide(object.union(on_resource("user", permission, ["owner"]), {"request": {"classification": "restricted"}}))
	}
}

test_short_and_long_of_a_token if {
	every permission, _ in data.permissions {
		decide(object.union(on_resource("user", permission, ["owner"]), {"identity": {"scopes": ["room:list"]}}))
	}
}

test_short_and_long_of_nobody if {
	every permission, _ in data.permissions {
		decide(ask(permission))
	}
}

test_short_and_long_of_two_roles if of_two_roles(["moderator", "user"], "internal")

test_short_and_long_of_two_roles_where_restricted if of_two_roles(["moderator", "user"], "restricted")

test_short_and_long_of_two_others if of_two_roles(["user", "admin"], "internal")

test_short_and_long_of_two_others_where_restricted if of_two_roles(["user", "admin"], "restricted")

of_two_roles(names, class) if {
	every permission, _ in data.permissions {
		every seconds_ago in [1, 1000] {
			decide(with_factor(classified(of_roles(put("user", permission, ["owner"], "petra"), names), class), seconds_ago))
		}
	}
}

test_short_and_long_of_each_classification if {
	every permission in ["public", "app:read", "app:restricted", "room:read", "message:delete"] {
		every class, _ in data.classifications {
			every document in [on_resource("user", permission, ["owner"]), in_break_glass(on_resource("user", permission, [])), asked_by("guest", permission), ask(permission)] {
				decide(classified(document, class))
				decide(object.union(classified(document, class), {"identity": {"acr": "aal2", "mfa_time": now}}))
			}
		}
	}
}

# What roles, permissions and classifications say in other data, too.
test_short_and_long_over_other_data if {
	all := [on_resource(role, permission, ["owner"]) | some role in ["user", "admin"]; some permission in ["room:read", "app:restricted"]]
	classes := {"none": {}, "brief": {"log": "brief", "expires": 5}, "full": {"log": "full", "expires": 9}, "late": {"second_factor_seconds": 5}, "sure": {"acr": {"aal2": true}}, "odd": {"x": 1}, "admins": {"roles": {"admin": true}}}
	every class, _ in classes {
		every document in all {
			every asked in [document, in_break_glass(document), with_factor(document, 5), with_factor(document, 6)] {
				d := decide(classified(asked, class)) with data.classifications as object.union(data.classifications, classes)
				is_boolean(d.allow)
			}
		}
	}
}
