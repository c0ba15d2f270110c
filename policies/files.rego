package gateway

# METADATA
# title: Who uploaded a file deletes it, as long as they have access to the room; who is in charge of the room deletes any file in it
rule("file:delete", permission) := "owner, deletes" if {
	"owner" in input.grants.resource
	access_to_parent(permission)
} else := "in charge of the parent, deletes the file" if {
	in_charge_of_parent(permission)
}
