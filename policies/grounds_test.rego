package gateway_test

test_public_is_open if allowed_for(ask("public"), "open to everyone")

test_public_is_open_to_the_signed_in if allowed(asked_by("user", "public"))

test_signed_in_may_use_the_application if {
	every permission in ["account:self", "app:read", "app:write"] {
		allowed_for(asked_by("user", permission), "signed in")
		not allowed(ask(permission))
	}
}

test_signed_in_needs_a_subject if {
	not allowed(object.union(ask("app:read"), {"identity": {"roles": ["user"]}}))
}
