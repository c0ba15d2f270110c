package gateway_test

import data.gateway

scoped(document, scopes) := object.union(document, {"identity": {"scopes": scopes}})

test_scope_lets_through_what_it_names if allowed(scoped(asked_by("user", "room:list"), ["room:read", "room:list"]))

test_scope_refuses_all_else if {
	every permission, about in object.remove(data.permissions, {"room:list", "none", "public"}) {
		about.by != "nobody"
		document := scoped(on_resource("admin", permission, ["owner", "author"]), ["room:list"])
		refused_for(document, "outside the token's scopes")
	}
}

test_no_scope_refuses_everything_but_the_open if {
	refused_for(scoped(asked_by("admin", "app:read"), []), "outside the token's scopes")
	allowed(scoped(asked_by("admin", "public"), []))
}

test_scope_gives_nothing_that_the_role_lacks if {
	refused_for(scoped(asked_by("guest", "room:list"), ["room:list"]), "no role permits it")
	refused_for(scoped(on_resource("user", "room:read", []), ["room:read"]), "no grant on the resource")
	refused_for(scoped(asked_by("admin", "none"), ["none"]), "closed to everyone")
	refused_for(scoped(asked_by("admin", "room:destroy"), ["room:destroy"]), "the permission is not known")
}

test_scopes_are_whole_names if {
	every scope in ["room", "room:", "room:*", "*", "ROOM:LIST", " room:list", "room:list ", ""] {
		refused_for(scoped(asked_by("admin", "room:list"), [scope]), "outside the token's scopes")
	}
}

# A moderator's token to delete messages deletes the moderator's own, unless it names the wider permission too.
test_permissions_to_do_it_anywhere_need_their_scope_too if {
	refused_for(scoped(in_parent("moderator", "message:delete", [], []), ["message:delete"]), "no grant on the resource")
	allowed(scoped(in_parent("moderator", "message:delete", [], []), ["message:delete", "message:delete:any"]))
	allowed(scoped(in_parent("moderator", "message:delete", ["author"], ["member"]), ["message:delete"]))
}

test_scope_does_not_stand_for_a_second_factor if {
	d := gateway.decision with input as scoped(asked_by("admin", "app:restricted"), ["app:restricted"])
	d.allow == false
	d.obligations.step_up == true
}

test_outside_the_scopes_no_second_factor_is_asked_for if {
	refused_for(scoped(asked_by("admin", "app:restricted"), ["app:read"]), "outside the token's scopes")
}

test_without_scopes_nothing_is_limited if allowed(asked_by("user", "room:list"))
