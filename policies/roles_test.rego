package gateway_test

test_roles_inherit if {
	every role, below in data.role_inherits {
		every permission, _ in data.role_permissions[below] {
			data.role_permissions[role][permission]
		}
	}
}

test_every_role_lists_and_creates_rooms if {
	every role, _ in data.role_permissions {
		allowed(asked_by(role, "room:list"))
		allowed(asked_by(role, "room:create"))
	}
}

test_one_of_several_roles_is_enough if {
	several := object.union(ask("room:list"), {"identity": object.union(person("user"), {"roles": ["guest", "user"]})})
	allowed(several)
}

# A permission to do a thing anywhere is asked for by rules, never by a route.
test_any_permissions_can_not_be_asked_for if {
	every permission in ["member:add:any", "member:remove:any", "message:delete:any"] {
		refused_for(asked_by("admin", permission), "the permission is not known")
	}
}
