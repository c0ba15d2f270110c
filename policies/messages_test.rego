package gateway_test

test_author_deletes_own if allowed_for(in_parent("user", "message:delete", ["author"], ["viewer"]), "author, deletes")

test_author_who_lost_access_deletes_nothing if not allowed(in_parent("user", "message:delete", ["author"], []))

test_member_does_not_delete_others if {
	refused_for(in_parent("user", "message:delete", [], ["member"]), "no grant on the resource")
	not allowed(in_parent("premium", "message:delete", [], ["member", "viewer"]))
}

test_who_is_in_charge_of_the_room_deletes if {
	every relation in ["owner", "moderator"] {
		allowed_for(in_parent("user", "message:delete", [], [relation]), "in charge of the parent, deletes the message")
	}
}

test_owner_relation_on_the_message_is_not_the_room_s if not allowed(in_parent("user", "message:delete", ["owner", "moderator"], ["member"]))

test_moderator_and_admin_delete_any if {
	every role in ["moderator", "admin"] {
		allowed_for(in_parent(role, "message:delete", [], []), "role, anywhere")
	}
}

test_roles_that_do_not_exist_delete_nothing if not allowed(in_parent("guest", "message:delete", ["author"], ["owner"]))

test_author_alone_changes_a_message if {
	allowed_for(in_parent("user", "message:update", ["author"], ["member"]), "author, changes")
	not allowed(in_parent("user", "message:update", ["author"], []))
	every role in ["moderator", "admin"] {
		refused_for(in_parent(role, "message:update", [], ["owner", "moderator"]), "no grant on the resource")
	}
}
