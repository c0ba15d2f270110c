package gateway

# METADATA
# title: People put themselves where they have access, so into public rooms
grounds contains "joins by themselves" if {
	input.request.permission == "member:add"
	input.target == input.identity.name
	permitted
	access
}

# METADATA
# title: The owner of a room puts anyone into it
grounds contains "owner of the resource" if {
	input.request.permission == "member:add"
	permitted
	"owner" in input.grants.resource
}

# METADATA
# title: Moderators put anyone anywhere
grounds contains "role" if {
	input.request.permission == "member:add"
	has_permission("member:add:any")
}

# METADATA
# title: People leave where they have access
# description: For all others a room that they can't see must answer as one that is not there.
grounds contains "leaves by themselves" if {
	input.request.permission == "member:remove"
	input.target == input.identity.name
	permitted
	access
}

# METADATA
# title: The owner of a room removes anyone from it
grounds contains "owner of the resource" if {
	input.request.permission == "member:remove"
	permitted
	"owner" in input.grants.resource
}

# METADATA
# title: Moderators remove anyone anywhere
grounds contains "role" if {
	input.request.permission == "member:remove"
	has_permission("member:remove:any")
}
