package gateway_test

test_join_where_one_has_access if allowed_for(put("user", "member:add", ["viewer"], "ursula"), "joins by themselves")

test_no_join_without_access if refused_for(put("user", "member:add", [], "ursula"), "no grant on the resource")

test_viewer_puts_nobody_else if not allowed(put("user", "member:add", ["viewer", "member"], "petra"))

test_who_is_in_charge_puts_others if {
	every relation in ["owner", "moderator"] {
		allowed_for(put("user", "member:add", [relation], "petra"), "in charge of the resource, adds")
	}
}

test_moderator_and_admin_put_anyone if {
	every role in ["moderator", "admin"] {
		allowed_for(put(role, "member:add", [], "petra"), "role, anywhere")
	}
}

test_premium_puts_nobody if not allowed(put("premium", "member:add", ["member"], "petra"))

test_leave if allowed_for(put("user", "member:remove", ["member"], "ursula"), "leaves by themselves")

test_no_leave_without_access if refused_for(put("user", "member:remove", [], "ursula"), "no grant on the resource")

test_nobody_removes_others if not allowed(put("user", "member:remove", ["member"], "petra"))

test_owner_removes_others if allowed_for(put("user", "member:remove", ["owner"], "petra"), "in charge of the resource, removes")

# A moderator of the room would remove its owner.
test_moderator_of_the_room_removes_nobody_else if {
	not allowed(put("user", "member:remove", ["moderator"], "petra"))
	allowed(put("user", "member:remove", ["moderator"], "ursula"))
}

test_moderator_and_admin_remove_anyone if {
	every role in ["moderator", "admin"] {
		allowed(put(role, "member:remove", [], "petra"))
	}
}

test_no_target_is_not_oneself if {
	not allowed(on_resource("user", "member:add", ["viewer"]))
	not allowed(on_resource("user", "member:remove", ["viewer"]))
}

test_roles_that_do_not_exist_put_and_remove_nobody if {
	not allowed(put("guest", "member:add", ["owner"], "ursula"))
	not allowed(put("guest", "member:remove", ["owner"], "ursula"))
}
