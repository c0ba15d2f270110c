package gateway

# METADATA
# title: The classes of the fields that a request carries
carried contains class if {
	not input.message
	some part in ["request", "query"]
	some class in data.fields[input.request.fields][part]
}

# METADATA
# title: The classes of the fields that a message of the client carries
carried contains class if {
	input.message.direction == "in"
	some class in data.fields[input.request.fields]["in"][input.message.type]
}

# METADATA
# title: The classes of the fields that are shown to whoever may have the answer, or the message
carried contains class if {
	some [_, class] in shown
	not data.classifications[class].masked
}

# METADATA
# title: The fields of the answer
shown contains [pointer, class] if {
	not input.message
	some pointer, class in data.fields[input.request.fields].response
}

# METADATA
# title: The fields of a message of the back end; of one whose type is not known those of all types
shown contains [pointer, class] if {
	input.message.direction == "out"
	some type, fields in data.fields[input.request.fields].out
	input.message.type in {type, ""}
	some pointer, class in fields
}

# METADATA
# title: Fields that the person does not get to see, and how they are masked
hidden contains mask(data.classifications[class].masked["with"], pointer) if {
	input.request.fields != ""
	some [pointer, class] in shown
	not sees(class)
}

# METADATA
# title: A mask as decisions ask for it
mask("null", pointer) := pointer

# METADATA
# title: The same, by another method than null
mask(method, pointer) := concat(":", [method, pointer]) if method != "null"

# METADATA
# title: The person sees fields of the class as they are
sees(class) if {
	unmasked(class)
	not unsure(class)
}

# METADATA
# title: The second factor that the class asks for was given too long ago
unsure(class) if stale(data.classifications[class].second_factor_seconds)

# METADATA
# title: The sign-in is weaker than the class asks for
unsure(class) if {
	levels := data.classifications[class].acr
	not sure_enough(levels)
}
