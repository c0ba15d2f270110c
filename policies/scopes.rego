package gateway

# METADATA
# title: What the token is limited to holds what the route asks for
# description: Personal tokens and services have scopes, which are names of permissions. They take away and never give.
in_scope if scope_holds(input.request.permission)

# METADATA
# title: What is open to everyone needs no scope
in_scope if class == "everyone"

# METADATA
# title: An identity without scopes is not limited
scope_holds(_) if not input.identity.scopes

# METADATA
# title: An identity with scopes is limited to the permissions that they name
scope_holds(permission) if permission in input.identity.scopes
