package gateway_test

import data.gateway

classified(document, class) := object.union(document, {"request": {"classification": class}})

test_public_and_internal if {
	allowed(classified(ask("public"), "public"))
	refused_for(classified(ask("public"), "internal"), "the classification needs somebody signed in")
	allowed(classified(asked_by("guest", "public"), "internal"))
}

test_confidential_needs_a_role if {
	refused_for(classified(ask("public"), "confidential"), "the classification needs somebody signed in")
	refused_for(classified(asked_by("guest", "app:read"), "confidential"), "the classification needs another role")
	every role, _ in data.roles {
		allowed(classified(asked_by(role, "app:read"), "confidential"))
	}
}

restricted(seconds_ago) := with_factor(asked_by("user", "app:restricted"), seconds_ago)

test_recent_second_factor_suffices if {
	decide(restricted(600)) == {"allow": true, "reason": "signed in", "obligations": {"tier": "standard", "expires": 60}}
}

test_old_second_factor_asks_for_another if step_up_for(restricted(601), "a recent second factor is needed", {"max_age": 600})

test_no_second_factor_asks_for_one if {
	step_up_for(asked_by("admin", "app:restricted"), "a recent second factor is needed", {"max_age": 600})
}

# As that of a token which says when, but not how sure its issuer is.
test_the_strength_of_the_sign_in_counts_too if {
	weak := object.union(asked_by("user", "app:restricted"), {"identity": {"mfa_time": now}})
	step_up_for(weak, "a stronger sign-in is needed", {})
}

test_anonymous_is_not_asked_for_a_second_factor if {
	refused_for(ask("app:restricted"), "nobody is signed in")
	refused_for(classified(ask("public"), "restricted"), "the classification needs somebody signed in")
}

test_grants_are_asked_first if {
	refused_for(classified(on_resource("user", "room:read", []), "restricted"), "no grant on the resource")
	step_up_for(classified(on_resource("user", "room:read", ["member"]), "restricted"), "a recent second factor is needed", {"max_age": 600})
}

# The route says public, the permission restricted, or the other way round: the strictest counts.
test_the_strictest_counts if {
	step_up_for(classified(asked_by("user", "app:restricted"), "public"), "a recent second factor is needed", {"max_age": 600})
	step_up_for(classified(asked_by("user", "app:read"), "restricted"), "a recent second factor is needed", {"max_age": 600})
}

test_the_shorter_age_of_two_counts if {
	d := decide(classified(asked_by("user", "app:restricted"), "secret")) with data.classifications.secret as {"second_factor_seconds": 60}
	d.obligations == {"step_up": true, "max_age": 60}
}

test_classification_that_is_not_known_refuses if {
	every class in ["secret", "", "Restricted"] {
		refused_for(classified(asked_by("admin", "app:read"), class), "the classification is not known")
	}
}

test_classification_that_can_not_be_read_refuses if {
	every class in [
		{"second_factor_second": 60}, {"signed_in": "yes"}, {"roles": ["user"]}, {"acr": "aal2"}, {"second_factor_seconds": "60"},
		{"conditions": "office"}, {"mask": "email"}, {"unmasked": ["admin"]}, {"encrypt": true}, {"log": "all"}, {"expires": "60"},
	] {
		d := decide(classified(asked_by("admin", "app:read"), "secret")) with data.classifications.secret as class
		d.allow == false
	}
	d := decide(classified(asked_by("admin", "app:read"), "secret")) with data.classifications.secret as {"rolls": {}}
	d.reason == "the classification can't be read"
}

# Whatever an admin does, by the role's own classification; with several roles, too.
test_a_role_has_a_classification if {
	roles := object.union(data.roles, {"admin": {"classifications": {"restricted": true}}})
	every names in [["admin"], ["user", "admin"]] {
		d := decide(of_roles(asked_by("admin", "app:read"), names)) with data.roles as roles
		d.obligations == {"step_up": true, "max_age": 600}
	}
	allowed(asked_by("user", "app:read")) with data.roles as roles
}

test_every_classification_that_is_named_is_described if {
	every about in data.permissions {
		object.get(about, "classification", "public") in object.keys(data.classifications)
	}
	every name in ["public", "internal", "confidential", "restricted"] {
		data.classifications[name]
	}
	every class in data.classifications {
		every member, value in class {
			gateway.readable(member, value)
		}
	}
}

test_scope_does_not_stand_for_a_second_factor if {
	step_up_for(scoped(asked_by("admin", "app:restricted"), ["app:restricted"]), "a recent second factor is needed", {"max_age": 600})
}

test_outside_the_scopes_no_second_factor_is_asked_for if {
	refused_for(scoped(asked_by("admin", "app:restricted"), ["app:read"]), "outside the token's scopes")
}
