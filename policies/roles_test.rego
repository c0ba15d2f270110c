package gateway_test

import data.gateway

# Whoever has a role is all that the roles which it is are.
test_roles_inherit_without_a_gap if {
	every name, role in data.roles {
		role.is[name]
		every below, _ in role.is {
			every least, _ in data.roles[below].is {
				role.is[least]
			}
		}
	}
}

test_each_role_inherits_from_the_one_below if {
	every pair in [["premium", "user"], ["moderator", "premium"], ["admin", "moderator"]] {
		data.roles[pair[0]].is[pair[1]]
		not data.roles[pair[1]].is[pair[0]]
	}
}

test_every_role_that_permissions_name_exists if {
	every about in data.permissions {
		every member in ["roles", "anywhere"] {
			every name, _ in object.get(about, member, {}) {
				data.roles[name]
			}
		}
	}
	every name, _ in data.roles {
		name in data.role_order
	}
}

test_every_role_lists_and_creates_rooms if {
	every role, _ in data.roles {
		allowed_for(asked_by(role, "room:list"), "role")
		allowed(asked_by(role, "room:create"))
	}
}

of_roles(document, names) := object.union(document, {"identity": {"roles": names}})

test_one_of_several_roles_is_enough if {
	allowed(of_roles(asked_by("user", "room:list"), ["guest", "user"]))
	refused_for(of_roles(asked_by("user", "room:list"), ["guest", "root"]), "no role permits it")
}

test_what_several_roles_give_adds_up if {
	auditor := {"is": {"auditor": true}, "obligations": {"tier": "audit"}, "classifications": {"internal": true}}
	d := gateway.role with input as of_roles(ask("room:list"), ["premium", "auditor"]) with data.roles.auditor as auditor
	d == {"is": {"auditor": true, "premium": true, "user": true}, "obligations": {"tier": "premium"}, "classifications": {"internal": true}}
	alone := gateway.role with input as of_roles(ask("room:list"), ["guest", "auditor"]) with data.roles.auditor as auditor
	alone.obligations.tier == "audit"
}

# What data turns off is off: false is no yes.
test_false_is_no if {
	off := object.union(data.permissions, {"room:list": {"roles": {"user": false}}, "message:delete": {"anywhere": {"moderator": false}}, "room:read": {"relations": {"viewer": false}, "break_glass": "no"}})
	d := decide(asked_by("admin", "room:list")) with data.permissions as off
	d.reason == "no role permits it"
	not allowed(in_parent("moderator", "message:delete", [], [])) with data.permissions as off
	not allowed(on_resource("user", "room:read", ["viewer"])) with data.permissions as off
	not allowed(in_break_glass(on_resource("user", "room:read", []))) with data.permissions as off
	e := decide(asked_by("premium", "room:list")) with data.roles.premium as {"is": {"premium": true, "user": false}}
	e.reason == "no role permits it"
	allowed(asked_by("premium", "app:read")) with data.roles.premium.classifications as {"restricted": false}
}

test_a_role_need_not_have_obligations if {
	roles := object.union(data.roles, {"auditor": {"is": {"auditor": true, "user": true}}})
	every names in [["auditor"], ["auditor", "guest"]] {
		d := decide(of_roles(asked_by("user", "room:list"), names)) with data.roles as roles
		d == {"allow": true, "reason": "role", "obligations": {}}
	}
}

# A permission to do a thing anywhere is asked for by rules, never by a route.
test_any_permissions_can_not_be_asked_for if {
	every permission in ["member:add:any", "member:remove:any", "message:delete:any"] {
		refused_for(asked_by("admin", permission), "the permission is not known")
	}
}

test_tiers if {
	every role, tier in {"user": "standard", "premium": "premium", "moderator": "staff", "admin": "staff", "guest": "standard"} {
		decide(asked_by(role, "app:read")).obligations == {"tier": tier}
	}
	decide(ask("public")).obligations == {"tier": "standard"}
}

test_highest_tier_of_several_roles if {
	decide(of_roles(asked_by("user", "app:read"), ["user", "premium", "moderator"])).obligations.tier == "staff"
}
