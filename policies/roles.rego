package gateway

# METADATA
# title: What the person's roles make of them
# description: |
#   Nearly everybody has one role, which is looked up as it is. Of several, `is` and `classifications` are those of all, and the
#   obligations are those of the first in role_order. Who has no role that is known is permitted nothing.
role := data.roles[standing] if {
	standing
} else := {"is": held, "obligations": obligations, "classifications": classifications} if {
	input.identity.roles[1]
	known := {name: data.roles[name] | some name in input.identity.roles}
	held := {name: true | some r in known; some name; r.is[name]}
	obligations := [object.get(known[name], "obligations", {}) | some name in array.concat(data.role_order, input.identity.roles)][0]
	classifications := {name: true | some r in known; some name; r.classifications[name]}
} else := {"is": {}, "obligations": {"tier": "standard"}}

# METADATA
# title: The person has the permission, by a role of theirs or by one that it is too
permits(permission, person) if {
	some name
	permission.roles[name]
	person.is[name]
}

# METADATA
# title: Some role of the person permits what the route asks for
role_permits if permits(data.permissions[input.request.permission], role)

# METADATA
# title: A role may do it without a relation to the resource, and a token's scopes name that too
anywhere if {
	some name
	data.permissions[input.request.permission].anywhere[name]
	role.is[name]
	scope_holds(concat(":", [input.request.permission, "any"]))
}

# METADATA
# title: The name of the one role that says all of the person
# description: Of two it is that which is the other, too.
standing := name if {
	[name] = input.identity.roles
	data.roles[name]
} else := name if {
	[name, other] = input.identity.roles
	lines[name][other]
} else := name if {
	[other, name] = input.identity.roles
	lines[name][other]
}
