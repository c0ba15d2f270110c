package gateway_test

import data.gateway

administering(role, seconds_ago) := object.union(
	ask("account:admin"),
	{"identity": object.union(person(role), {"mfa_time": now - seconds_ago})},
)

test_admins_administer_accounts if {
	d := gateway.decision with input as administering("admin", 60) with time.now_ns as now * 1000000000
	d.allow == true
}

test_nobody_else_administers_accounts if {
	every role in ["user", "premium", "moderator", "guest", "root"] {
		d := gateway.decision with input as administering(role, 60) with time.now_ns as now * 1000000000
		d == {"allow": false, "reason": "no role permits it", "obligations": {}}
	}
	refused_for(ask("account:admin"), "nobody is signed in")
}

test_accounts_are_administered_with_a_fresh_second_factor_alone if {
	d := gateway.decision with input as administering("admin", 601) with time.now_ns as now * 1000000000
	d.allow == false
	d.obligations.step_up == true
	e := gateway.decision with input as asked_by("admin", "account:admin")
	e.allow == false
	e.obligations.step_up == true
}

test_no_grant_makes_an_administrator_of_accounts if {
	refused_for(object.union(administering("user", 60), {"grants": {"resource": ["owner"], "parent": ["owner"]}}), "no role permits it")
}
