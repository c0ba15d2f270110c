# METADATA
# title: What may pass
# description: |
#   The gateway asks for data.gateway.decision, and refuses what it has no answer for. What it asks with is `input`: who asks
#   (input.identity, absent where nobody is signed in), for what (input.request.permission, as the route in the Caddyfile says),
#   about what (input.resource), and what the person was granted on it (input.grants.resource). What stands behind the ? is there, too: a list
#   of values for each name (input.request.query.page[0]). A policy that looks at it gets no query that servers read differently.
#
#   The rules are few, and what they go by stands in data.json, so that most changes are made there.
# scope: package
package gateway

# METADATA
# title: May this request pass?
# description: |
#   Only allow is required. The reason stands in events, so it never holds anything of the input. Each rule gives one of its own, so that
#   an event tells which one it was.
# entrypoint: true
decision := {"allow": true, "reason": ground} if {
	ground
	not second_factor_missing
} else := {"allow": false, "reason": "a recent second factor is needed", "obligations": {"step_up": true, "max_age": age}} if {
	ground
	age := data.second_factor_seconds[input.request.permission]
} else := {"allow": false, "reason": refusal}

# METADATA
# title: How a permission is decided
# description: nobody, everyone, signed-in, grant or role; undefined where data.json does not know it
kind := data.permissions[input.request.permission]

# METADATA
# title: Why the request may pass; undefined where nothing speaks for it
ground := "open to everyone" if {
	kind == "everyone"
} else := "signed in" if {
	kind == "signed-in"
	input.identity
} else := "relation to the note" if {
	kind == "grant"
	input.identity
	some relation in input.grants.resource
	data.relations[input.request.permission][relation]
} else := "role" if {
	kind in {"grant", "role"}
	some role in input.identity.roles
	data.roles[role][input.request.permission]
}

# METADATA
# title: Why it may not
refusal := "the permission is not known" if {
	not kind
} else := "closed to everyone" if {
	kind == "nobody"
} else := "nobody is signed in" if {
	not input.identity
} else := "no role permits it" if {
	kind == "role"
} else := "no relation to the note"

# METADATA
# title: The permission asks for a second factor, and none was given lately enough
second_factor_missing if {
	seconds := data.second_factor_seconds[input.request.permission]
	not second_factor_within(seconds)
}

# METADATA
# title: A second factor was given within the last so many seconds
second_factor_within(seconds) if {
	time.now_ns() - (input.identity.mfa_time * 1000000000) <= seconds * 1000000000
}
