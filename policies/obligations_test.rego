package gateway_test

import data.gateway

test_tiers if {
	every role, tier in {"user": "standard", "premium": "premium", "moderator": "staff", "admin": "staff"} {
		d := gateway.decision with input as asked_by(role, "app:read")
		d.obligations.tier == tier
	}
}

test_highest_tier_of_several_roles if {
	both := object.union(ask("app:read"), {"identity": object.union(person("user"), {"roles": ["user", "premium", "moderator"]})})
	d := gateway.decision with input as both
	d.obligations.tier == "staff"
}

test_unknown_role_has_the_lowest_tier if {
	d := gateway.decision with input as asked_by("guest", "app:read")
	d.obligations.tier == "standard"
}

test_anonymous_tier if {
	d := gateway.decision with input as ask("public")
	d.obligations.tier == "standard"
}

restricted(seconds_ago) := object.union(
	ask("app:restricted"),
	{"identity": object.union(person("user"), {"mfa_time": now - seconds_ago})},
)

test_recent_second_factor_suffices if {
	d := gateway.decision with input as restricted(600) with time.now_ns as now * 1000000000
	d.allow == true
}

test_old_second_factor_asks_for_another if {
	d := gateway.decision with input as restricted(601) with time.now_ns as now * 1000000000
	d == {"allow": false, "reason": "a recent second factor is needed", "obligations": {"step_up": true, "max_age": 600}}
}

test_no_second_factor_asks_for_one if {
	d := gateway.decision with input as asked_by("admin", "app:restricted")
	d.obligations.step_up == true
	d.allow == false
}

test_anonymous_is_not_asked_for_a_second_factor if {
	d := gateway.decision with input as ask("app:restricted")
	d == {"allow": false, "reason": "nobody is signed in", "obligations": {}}
}
