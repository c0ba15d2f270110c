package gateway_test

test_who_uploaded_a_file_deletes_it if allowed_for(in_parent("user", "file:delete", ["owner"], ["member"]), "owner, deletes")

test_who_lost_access_deletes_no_file if not allowed(in_parent("user", "file:delete", ["owner"], []))

test_who_is_in_charge_of_the_room_deletes_files if {
	every relation in ["owner", "moderator"] {
		allowed_for(in_parent("user", "file:delete", [], [relation]), "in charge of the parent, deletes the file")
	}
	not allowed(in_parent("user", "file:delete", [], ["member"]))
}

test_moderators_delete_any_file if allowed_for(in_parent("moderator", "file:delete", [], []), "role, anywhere")
