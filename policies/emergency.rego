package gateway

# METADATA
# title: Emergency access stands for a missing role or grant
# description: |
#   Only for the permissions that data lists, and only for people: never for what a token's scopes leave out, and never for a
#   second factor or another demand of a classification, but for conditions that say so themselves.
emergency if {
	in_emergency
	data.permissions[input.request.permission].break_glass == true
}

# METADATA
# title: The session of a person has emergency access
in_emergency if {
	input.identity.break_glass
	input.identity.kind == "person"
}

# METADATA
# title: The request is allowed by emergency access alone, for want of a ground
emergency_used if basis == "emergency access"

# METADATA
# title: The request is allowed by emergency access alone, for a condition that does not hold
emergency_used if {
	in_emergency
	failure({condition | some condition in conditions; lifted(condition)})
}
