package gateway

# METADATA
# title: Members of the answer that the person does not get to see
# description: What a classification masks is seen by the roles in its `unmasked`; a token with scopes must name `unmask:<classification>` too.
duties["mask"] := sort(hidden) if count(hidden) > 0

# METADATA
# title: Members that a classification masks in whatever is of it
hidden contains member if {
	some class in classes
	not unmasked(class)
	some member in data.classifications[class].mask
}

# METADATA
# title: Members of the body that are encrypted before the back end gets them
duties["encrypt"] := sort({member | some class in classes; some member in data.classifications[class].encrypt}) if {
	some class in classes
	count(data.classifications[class].encrypt) > 0
}

# METADATA
# title: How much of the decision is logged, and in a session with emergency access that is everything
duties["log"] := "full" if {
	in_emergency
} else := "full" if {
	some class in classes
	data.classifications[class].log == "full"
} else := "brief" if {
	some class in classes
	data.classifications[class].log == "brief"
} else := "none" if {
	some class in classes
	data.classifications[class].log == "none"
}

# METADATA
# title: How many seconds the decision may be kept, as on an open socket
duties["expires"] := min({seconds | some class in classes; seconds := data.classifications[class].expires})

# METADATA
# title: What the decision is an incident of
duties["incident"] := "break-glass" if emergency_used

# METADATA
# title: The person sees what the classification masks
unmasked(class) if {
	permits({"roles": data.classifications[class].unmasked}, role)
	scope_holds(concat(":", ["unmask", class]))
}
