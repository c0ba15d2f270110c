package gateway

# METADATA
# title: What the token is limited to does not hold what the route asks for
# description: Personal tokens and services have scopes, which are names of permissions. They take away and never give. What is open to everyone needs none.
out_of_scope if {
	scopes := input.identity.scopes
	not input.request.permission in scopes
	data.permissions[input.request.permission].by != "everyone"
}

# METADATA
# title: An identity without scopes is not limited
scope_holds(_) if not input.identity.scopes

# METADATA
# title: An identity with scopes is limited to the permissions that they name
scope_holds(permission) if permission in input.identity.scopes
