package gateway

# METADATA
# title: Authors delete what they wrote, as long as they have access to the room
grounds contains "author" if {
	input.request.permission == "message:delete"
	permitted
	"author" in input.grants.resource
	parent_access
}

# METADATA
# title: The owner of a room deletes any message in it
grounds contains "owner of the parent" if {
	input.request.permission == "message:delete"
	permitted
	"owner" in input.grants.parent
}

# METADATA
# title: Moderators delete any message
grounds contains "role" if {
	input.request.permission == "message:delete"
	has_permission("message:delete:any")
}
