package gateway

# METADATA
# title: People put themselves where they have access, so into public rooms; who is in charge of a room puts anyone into it
rule("member:add", permission) := "joins by themselves" if {
	input.target == input.identity.name
	some relation in input.grants.resource
	permission.relations[relation]
} else := "in charge of the resource, adds" if {
	some relation in input.grants.resource
	permission.in_charge[relation]
}

# METADATA
# title: People leave where they have access; who is in charge of a room removes anyone from it
# description: For all others a room that they can't see must answer as one that is not there.
rule("member:remove", permission) := "leaves by themselves" if {
	input.target == input.identity.name
	some relation in input.grants.resource
	permission.relations[relation]
} else := "in charge of the resource, removes" if {
	some relation in input.grants.resource
	permission.in_charge[relation]
}
