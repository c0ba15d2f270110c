package gateway

# METADATA
# title: What is open to everyone, signed in or not
ground("everyone", _, _) := "open to everyone"

# METADATA
# title: What every signed-in person may
ground("signed-in", _, _) := "signed in" if input.identity.subject

# METADATA
# title: What a role permits without regard to a resource
ground("role", permission, person) := "role" if permits(permission, person)

# METADATA
# title: What a role permits on a resource that the person has one of the named relations to
# description: A public room carries the relation viewer for everyone who is signed in.
ground("access", permission, person) := "grant on the resource" if {
	some name
	permission.roles[name]
	person.is[name]
	some relation in input.grants.resource
	permission.relations[relation]
}

# METADATA
# title: The same by a relation to what holds the resource, as a room holds a message or a file
ground("parent-access", permission, person) := "grant on the parent" if {
	permits(permission, person)
	some relation in input.grants.parent
	permission.relations[relation]
} else := "shared with them" if {
	permits(permission, person)
	some relation in input.grants.resource
	permission.shared[relation]
}

# METADATA
# title: What has rules of its own
ground("rule", permission, person) := rule(input.request.permission, permission) if permits(permission, person)
