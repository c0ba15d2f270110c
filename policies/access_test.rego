package gateway_test

room_permissions := {permission |
	some permission, about in data.permissions
	about.by == "access"
	count(about.relations) == 4
}

test_each_relation_gives_access if {
	count(room_permissions) == 7
	every permission in room_permissions {
		every relation in ["viewer", "member", "moderator", "owner"] {
			allowed_for(on_resource("user", permission, [relation]), "grant on the resource")
		}
	}
}

test_no_grant_no_access_not_even_for_admins if {
	every permission in room_permissions {
		every role, _ in data.roles {
			refused_for(on_resource(role, permission, []), "no grant on the resource")
		}
	}
}

test_other_relations_give_no_access if not allowed(on_resource("user", "room:read", ["author", "parent", "guest", ""]))

test_grant_on_the_parent_is_none_on_the_resource if not allowed(in_parent("user", "room:read", [], ["owner"]))

test_grant_without_the_role_s_permission if not allowed(on_resource("nobody", "room:read", ["owner"]))

test_who_runs_a_room if {
	every relation in ["moderator", "owner"] {
		allowed(on_resource("user", "room:update", [relation]))
	}
	every permission in ["room:delete", "moderator:add", "moderator:remove"] {
		allowed(on_resource("user", permission, ["owner"]))
		refused_for(on_resource("user", permission, ["moderator", "member", "viewer"]), "no grant on the resource")
		refused_for(on_resource("moderator", permission, []), "no grant on the resource")
		allowed_for(on_resource("admin", permission, []), "role, anywhere")
	}
	not allowed(on_resource("user", "room:update", ["member", "viewer"]))
}

# A relation to one room is none to another: what is asked about is in the grants alone.
test_moderator_of_a_room_is_no_moderator if {
	refused_for(on_resource("user", "break-glass", ["moderator", "owner"]), "no role permits it")
	not allowed(in_parent("user", "message:delete", [], []))
}

test_files_and_messages_are_read_by_access_to_the_room if {
	every permission in ["file:read", "message:read"] {
		every relation in ["viewer", "member", "moderator", "owner"] {
			allowed_for(in_parent("user", permission, [], [relation]), "grant on the parent")
		}
	}
}

test_files_of_rooms_without_access_stay_closed if {
	refused_for(in_parent("admin", "file:read", [], []), "no grant on the resource")
	not allowed(in_parent("user", "file:read", ["owner"], []))
}

test_files_are_shared_by_a_relation_of_their_own if {
	allowed_for(in_parent("user", "file:read", ["viewer"], []), "shared with them")
	not allowed(in_parent("user", "file:delete", ["viewer"], []))
	not allowed(in_parent("user", "message:read", ["viewer"], []))
	not allowed(in_parent("root", "file:read", ["viewer"], []))
}
