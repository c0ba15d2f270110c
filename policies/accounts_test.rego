package gateway_test

operating(role, seconds_ago) := with_factor(asked_by(role, "account:admin"), seconds_ago)

test_admins_administer_accounts if allowed_for(operating("admin", 60), "role")

test_nobody_else_administers_accounts if {
	every role in ["user", "premium", "moderator", "guest", "root"] {
		refused_for(operating(role, 60), "no role permits it")
	}
	refused_for(ask("account:admin"), "nobody is signed in")
}

test_accounts_are_administered_with_a_fresh_second_factor_alone if {
	step_up_for(operating("admin", 601), "a recent second factor is needed", {"max_age": 600})
	step_up_for(asked_by("admin", "account:admin"), "a recent second factor is needed", {"max_age": 600})
}

test_no_grant_makes_an_administrator_of_accounts if {
	refused_for(object.union(operating("user", 60), {"grants": {"resource": ["owner"], "parent": ["owner"]}}), "no role permits it")
}

test_emergency_access_makes_no_administrator_of_accounts if {
	refused_for(in_break_glass(operating("moderator", 60)), "no role permits it")
}
