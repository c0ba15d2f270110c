package gateway_test

test_author_deletes_own if allowed(in_parent("user", "message:delete", ["author"], ["viewer"]))

test_author_who_lost_access_deletes_nothing if not allowed(in_parent("user", "message:delete", ["author"], []))

test_member_does_not_delete_others if {
	refused_for(in_parent("user", "message:delete", [], ["member"]), "no grant on the resource")
	not allowed(in_parent("premium", "message:delete", [], ["member", "viewer"]))
}

test_owner_of_the_room_deletes if allowed(in_parent("user", "message:delete", [], ["owner"]))

test_owner_relation_on_the_message_is_not_the_room_s if not allowed(in_parent("user", "message:delete", ["owner"], ["member"]))

test_moderator_and_admin_delete_any if {
	every role in ["moderator", "admin"] {
		allowed(in_parent(role, "message:delete", [], []))
	}
}

test_roles_that_do_not_exist_delete_nothing if not allowed(in_parent("guest", "message:delete", ["author"], ["owner"]))
