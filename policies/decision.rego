# METADATA
# title: The decision of the gateway
# description: |
#   Deny by default. A request is allowed when there is a ground for it: the other files say what the grounds are, one
#   subject each. The reason of a decision is written into events and never holds anything from the input.
# scope: package
package gateway

# METADATA
# title: May this request, or socket message, pass?
# description: |
#   {"allow": boolean, "reason": string, "obligations": {"step_up": boolean, "max_age": number, "mask": [string], "tier": string, "log": string}}
# entrypoint: true
decision := {"allow": true, "reason": reason, "obligations": {"tier": tier}} if {
	reason := ground(class)
	in_scope
	not second_factor_missing
} else := {"allow": false, "reason": "a recent second factor is needed", "obligations": {"step_up": true, "max_age": age}} if {
	ground(class)
	in_scope
	age := data.second_factor_seconds[input.request.permission]
} else := {"allow": false, "reason": refusal, "obligations": {}}

# METADATA
# title: How the permission that the route asks for is decided
# description: nobody, everyone, signed-in, role, access, parent-access, or rule (it has rules of its own); undefined where it is not known
class := data.permissions[input.request.permission]

# METADATA
# title: The grounds of permissions that have rules of their own
ground("rule") := concat(", ", grounds) if count(grounds) > 0

# METADATA
# title: Why a request without a ground is refused
refusal := "the permission is not known" if {
	not class
} else := "closed to everyone" if {
	class == "nobody"
} else := "nobody is signed in" if {
	not input.identity
} else := "outside the token's scopes" if {
	not in_scope
} else := "no role permits it" if {
	not permitted
} else := "no grant on the resource"
