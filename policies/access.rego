package gateway

# METADATA
# title: The person has a relation to the resource that lets them in
# description: A public room carries the relation viewer for everyone who is signed in.
access if {
	some relation in input.grants.resource
	data.access_relations[relation]
}

# METADATA
# title: The same for what holds the resource, as a room holds a message or a file
parent_access if {
	some relation in input.grants.parent
	data.access_relations[relation]
}

# METADATA
# title: What a role permits on a resource that the person has access to
ground("access") := "grant on the resource" if {
	permitted
	access
}

# METADATA
# title: What a role permits on a resource whose parent the person has access to
ground("parent-access") := "grant on the parent" if {
	permitted
	parent_access
}
