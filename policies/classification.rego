package gateway

# METADATA
# title: The classification of what the route answers
# description: All the classifications of a request must be met, so the strictest counts. With none, nothing more is asked for.
classes contains input.request.classification

# METADATA
# title: The classification of what the permission is about
classes contains data.permissions[input.request.permission].classification

# METADATA
# title: What a role of the person asks of them, whatever they do
classes contains name if {
	some name
	role.classifications[name]
}

# METADATA
# title: The classifications of fields, where the route's own does not say it all
classes contains class if {
	input.request.fields != ""
	some class in carried
}

# METADATA
# title: What refuses a request that there is a ground for
# description: |
#   A classification that is not described, or whose members can't be read, refuses too: else a slip of the pen would ask for nothing.
hindrance := "the classification is not known" if {
	some class in classes
	not described(class)
} else := "the classification can't be read" if {
	some class in classes
	some member, value in data.classifications[class]
	not readable(member, value)
} else := "the classification needs somebody signed in" if {
	not input.identity.subject
	some class in classes
	some member in ["signed_in", "roles", "acr", "second_factor_seconds"]
	data.classifications[class][member]
} else := "the classification needs another role" if {
	some class in classes
	roles := data.classifications[class].roles
	not permits({"roles": roles}, role)
} else := failure(strict) if {
	count(conditions) > 0
}

# METADATA
# title: What a second factor makes up for
lack := reason if {
	some class in classes
	reason := stale(data.classifications[class].second_factor_seconds)
} else := "a stronger sign-in is needed" if {
	some class in classes
	levels := data.classifications[class].acr
	not sure_enough(levels)
} else := failure(softened) if {
	count(conditions) > 0
}

# METADATA
# title: The second factor was given longer ago than so many seconds, or never
stale(seconds) := "a recent second factor is needed" if not second_factor_within(seconds)

# METADATA
# title: Data describes the classification
described(class) if is_object(data.classifications[class])

# METADATA
# title: The sign-in has one of the levels of assurance
sure_enough(levels) if levels[input.identity.acr]

# METADATA
# title: The person gave a second factor within the last so many seconds
second_factor_within(seconds) if {
	time.now_ns() - (input.identity.mfa_time * 1000000000) <= seconds * 1000000000
}

# METADATA
# title: How long ago the second factor may have been given that a classification asks for
ages contains seconds if {
	some class in classes
	seconds := data.classifications[class].second_factor_seconds
	not second_factor_within(seconds)
}

# METADATA
# title: How long ago it may have been given to make up for a condition
ages contains condition.second_factor_seconds if {
	some condition in softened
	failure({condition})
}

# METADATA
# title: What to ask for where something is lacking, at the shortest age of those that are asked for
step_up := {"step_up": true, "max_age": min(ages)} if {
	count(ages) > 0
} else := {"step_up": true}

# METADATA
# title: Whether the classification is for the signed-in alone
readable("signed_in", value) if is_boolean(value)

# METADATA
# title: The roles that it is for, any of them
readable("roles", value) if is_object(value)

# METADATA
# title: The levels of assurance of the sign-in that it takes, any of them
readable("acr", value) if is_object(value)

# METADATA
# title: How long ago a second factor may have been given
readable("second_factor_seconds", value) if is_number(value)

# METADATA
# title: The names of the conditions that must hold
readable("conditions", value) if is_array(value)

# METADATA
# title: The members of the answer that are masked
readable("mask", value) if is_array(value)

# METADATA
# title: The roles that see them all the same
readable("unmasked", value) if is_object(value)

# METADATA
# title: How fields of it are masked
readable("masked", value) if is_string(value["with"])

# METADATA
# title: Whether fields of it are encrypted
readable("encrypted", value) if is_boolean(value)

# METADATA
# title: The members of the body that are encrypted
readable("encrypt", value) if is_array(value)

# METADATA
# title: How much of its decisions is logged
readable("log", value) if value in ["none", "brief", "full"]

# METADATA
# title: How many seconds a decision may be kept
readable("expires", value) if is_number(value)
