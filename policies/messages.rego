package gateway

# METADATA
# title: Authors change what they wrote, as long as they have access to the room; nobody else does
rule("message:update", permission) := "author, changes" if {
	"author" in input.grants.resource
	access_to_parent(permission)
}

# METADATA
# title: Authors delete what they wrote, as long as they have access to the room; who is in charge of the room deletes any message in it
rule("message:delete", permission) := "author, deletes" if {
	"author" in input.grants.resource
	access_to_parent(permission)
} else := "in charge of the parent, deletes the message" if {
	in_charge_of_parent(permission)
}

# METADATA
# title: The person has access to what holds the resource
access_to_parent(permission) if {
	some relation in input.grants.parent
	permission.relations[relation]
}

# METADATA
# title: The person is in charge of what holds the resource
in_charge_of_parent(permission) if {
	some relation in input.grants.parent
	permission.in_charge[relation]
}
