package gateway_test

at_console(role, permission, seconds_ago) := with_factor(asked_by(role, permission), seconds_ago)

test_staff_look_and_act_at_the_console if {
	every role in ["moderator", "admin"] {
		every permission in ["console:read", "console:act"] {
			allowed_for(at_console(role, permission, 60), "role")
		}
	}
}

test_admins_alone_administer_at_the_console if {
	allowed_for(at_console("admin", "console:admin", 60), "role")
	refused_for(at_console("moderator", "console:admin", 60), "no role permits it")
}

test_nobody_else_sees_the_console if {
	every permission in ["console:read", "console:act", "console:admin"] {
		every role in ["user", "premium", "guest", "root"] {
			refused_for(at_console(role, permission, 60), "no role permits it")
		}
		refused_for(ask(permission), "nobody is signed in")
	}
}

test_the_console_needs_a_fresh_second_factor if {
	every permission in ["console:read", "console:act", "console:admin"] {
		step_up_for(at_console("admin", permission, 601), "a recent second factor is needed", {"max_age": 600})
		step_up_for(asked_by("admin", permission), "a recent second factor is needed", {"max_age": 600})
	}
}

test_neither_grant_nor_emergency_access_opens_the_console if {
	refused_for(in_break_glass(at_console("user", "console:read", 60)), "no role permits it")
	refused_for(object.union(at_console("user", "console:act", 60), {"grants": {"resource": ["owner"], "parent": ["owner"]}}), "no role permits it")
}
