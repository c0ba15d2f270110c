# METADATA
# title: The decision of the gateway
# description: |
#   Deny by default. A request is allowed when there is a ground for it, the token's scopes hold it, and nothing that its
#   classification asks for is missing: the other files say what these are, one subject each. The reason of a decision names
#   the one rule that gave it, is written into events, and never holds anything from the input.
# scope: package
package gateway

# METADATA
# title: May this request, or socket message, pass?
# description: |
#   {"allow": boolean, "reason": string, "obligations": {"step_up": boolean, "max_age": number, "mask": [string],
#   "encrypt": [string], "tier": string, "log": string, "expires": number, "incident": string}}
#
#   All but the last body are short ways: those of what has no classification, of people whose one role and classifications `plans`
#   can say, of the anonymous, of refusals, and of others that `plan` says. They must say what `considered` says (a test holds it). The
#   first look at nothing twice: `permission` and `person` are passed on, since each look-up costs as much as the rest of a rule.
# entrypoint: true
decision := {"allow": true, "reason": reason, "obligations": person.obligations} if {
	input.identity.break_glass == false
	not input.request.classification
	input.request.fields == ""
	permission := data.permissions[input.request.permission]
	not permission.classification
	person := data.roles[standing]
	reason := ground(permission.by, permission, person)
	not out_of_scope
	not person.classifications
} else := {"allow": true, "reason": reason, "obligations": asked.obligations} if {
	input.identity.break_glass == false
	[name] = input.identity.roles
	asked := plans[name][input.request.classification][subjects[input.request.permission]]
	given(asked)
	input.request.fields == ""
	permission := data.permissions[input.request.permission]
	person := data.roles[name]
	reason := ground(permission.by, permission, person)
	not out_of_scope
	input.identity.subject
} else := {"allow": true, "reason": reason, "obligations": role.obligations} if {
	not input.identity
	permission := data.permissions[input.request.permission]
	permission.by == "everyone"
	reason := ground("everyone", permission, role)
	not permission.classification
	not input.request.classification
	input.request.fields == ""
} else := {"allow": false, "reason": refusal, "obligations": {}} if {
	not grounded
} else := {"allow": true, "reason": basis, "obligations": obligations} if {
	plan.factor == false
} else := {"allow": false, "reason": reason, "obligations": {"step_up": true, "max_age": plan.seconds}} if {
	reason := stale(plan.seconds)
} else := {"allow": true, "reason": basis, "obligations": obligations} if {
	plan.levels[input.identity.acr] == true
} else := considered

# METADATA
# title: The same, with all that may have to be looked at
considered := {"allow": false, "reason": refusal, "obligations": {}} if {
	not grounded
} else := {"allow": false, "reason": hindrance, "obligations": {}} if {
	hindrance
} else := {"allow": false, "reason": lack, "obligations": step_up} if {
	lack
} else := {"allow": true, "reason": basis, "obligations": object.union(object.get(role, "obligations", {}), duties)}

# METADATA
# title: There is a basis to allow the request, which the token's scopes hold
grounded if {
	basis
	not out_of_scope
}

# METADATA
# title: What the request is allowed by, before its classification is looked at
# description: What is a person's own comes before what a role gives anywhere, and emergency access is the last.
basis := reason if {
	permission := data.permissions[input.request.permission]
	reason := ground(permission.by, permission, role)
} else := "role, anywhere" if {
	input.identity
	anywhere
} else := "emergency access" if {
	input.identity.break_glass
	emergency
}

# METADATA
# title: Data says how the permission that the route asks for is decided
known if data.permissions[input.request.permission]

# METADATA
# title: Why a request without a ground is refused
refusal := "the permission is not known" if {
	not known
} else := "closed to everyone" if {
	data.permissions[input.request.permission].by == "nobody"
} else := "nobody is signed in" if {
	not input.identity
} else := "outside the token's scopes" if {
	out_of_scope
} else := "no role permits it" if {
	not role_permits
} else := "no grant on the resource"
