package gateway_test

access_permissions := [permission | some permission, class in data.permissions; class == "access"]

test_each_relation_gives_access if {
	count(access_permissions) == 7
	every permission in access_permissions {
		every relation in ["viewer", "member", "owner"] {
			allowed(on_resource("user", permission, [relation]))
		}
	}
}

test_no_grant_no_access_not_even_for_admins if {
	every permission in access_permissions {
		every role, _ in data.role_permissions {
			refused_for(on_resource(role, permission, []), "no grant on the resource")
		}
	}
}

test_other_relations_give_no_access if not allowed(on_resource("user", "room:read", ["author", "parent", "guest"]))

test_grant_on_the_parent_is_none_on_the_resource if not allowed(in_parent("user", "room:read", [], ["owner"]))

test_grant_without_the_role_s_permission if not allowed(on_resource("nobody", "room:read", ["owner"]))

test_files_are_read_by_access_to_the_room if {
	every relation in ["viewer", "member", "owner"] {
		allowed(in_parent("user", "file:read", [], [relation]))
	}
}

test_files_of_rooms_without_access_stay_closed if {
	refused_for(in_parent("admin", "file:read", [], []), "no grant on the resource")
	not allowed(in_parent("user", "file:read", ["owner", "viewer"], []))
}
