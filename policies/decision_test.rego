package gateway_test

import data.gateway

test_nothing_asked_is_refused if refused_for({}, "the permission is not known")

test_unknown_permission_is_refused if refused_for(asked_by("admin", "room:destroy"), "the permission is not known")

test_none_is_closed_to_admins_too if refused_for(asked_by("admin", "none"), "closed to everyone")

test_own_rules_need_a_ground_too if refused_for(asked_by("user", "message:delete"), "no grant on the resource")

# All but the open permissions, whatever the grants say.
test_missing_identity_is_refused if {
	every permission, class in object.remove(data.permissions, {"public"}) {
		class != "everyone"
		not allowed(object.union(ask(permission), {"grants": {"resource": ["owner", "author"], "parent": ["owner"]}}))
	}
}

test_missing_identity_says_so if refused_for(ask("room:list"), "nobody is signed in")

test_roles_that_do_not_exist_permit_nothing if refused_for(on_resource("root", "room:read", ["owner"]), "no role permits it")

test_person_without_roles_is_permitted_nothing if {
	bare := object.union(ask("room:list"), {"identity": object.remove(person("user"), {"roles"})})
	refused_for(bare, "no role permits it")
}

test_reason_names_every_ground if {
	d := gateway.decision with input as put("moderator", "member:add", ["owner"], "ursula")
	d.reason == "joins by themselves, owner of the resource, role"
}
