package gateway

# METADATA
# title: What a role permits without regard to a resource
ground("role") := "role" if permitted

# METADATA
# title: Some role of the person has the permission that the route asks for
permitted if {
	some role in input.identity.roles
	data.role_permissions[role][input.request.permission]
}

# METADATA
# title: Some role of the person has the named permission, and the token's scopes hold it
has_permission(permission) if {
	scope_holds(permission)
	some role in input.identity.roles
	data.role_permissions[role][permission]
}
