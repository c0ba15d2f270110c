package gateway_test

test_join_where_one_has_access if allowed(put("user", "member:add", ["viewer"], "ursula"))

test_no_join_without_access if refused_for(put("user", "member:add", [], "ursula"), "no grant on the resource")

test_viewer_puts_nobody_else if not allowed(put("user", "member:add", ["viewer", "member"], "petra"))

test_owner_puts_others if allowed(put("user", "member:add", ["owner"], "petra"))

test_moderator_and_admin_put_anyone if {
	every role in ["moderator", "admin"] {
		allowed(put(role, "member:add", [], "petra"))
	}
}

test_premium_puts_nobody if not allowed(put("premium", "member:add", ["member"], "petra"))

test_leave if allowed(put("user", "member:remove", ["member"], "ursula"))

test_no_leave_without_access if refused_for(put("user", "member:remove", [], "ursula"), "no grant on the resource")

test_nobody_removes_others if not allowed(put("user", "member:remove", ["member"], "petra"))

test_owner_removes_others if allowed(put("user", "member:remove", ["owner"], "petra"))

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
