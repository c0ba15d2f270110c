package gateway

# METADATA
# title: The conditions that the classifications of the request name
# description: One that data does not describe is empty, which can't be read.
conditions contains object.get(data.conditions, name, {}) if {
	some class in classes
	some name in data.classifications[class].conditions
}

# METADATA
# title: A condition that does not hold refuses
hindrances contains reason if {
	some condition in conditions
	not lifted(condition)
	not step_up_instead(condition)
	some reason in failures(condition)
}

# METADATA
# title: Or it asks for a second factor, where it says so
lacks contains {"reason": reason, "max_age": condition.second_factor_seconds} if {
	some condition in conditions
	not lifted(condition)
	step_up_instead(condition)
	not second_factor_within(condition.second_factor_seconds)
	some reason in failures(condition)
}

# METADATA
# title: A second factor makes up for what does not hold
step_up_instead(condition) if {
	condition.otherwise == "step_up"
	is_number(condition.second_factor_seconds)
}

# METADATA
# title: Emergency access makes up for what does not hold
lifted(condition) if {
	condition.break_glass == true
	in_emergency
}

# METADATA
# title: What of a condition does not hold
# description: What is not known holds nothing. A condition that can't be read does not hold, nor does one that asks for nothing.
failures(condition) := {reason | some member, value in condition; reason := failure(member, value)} if {
	count(condition) > 0
} else := {"the condition is not known"}

# METADATA
# title: It is at another time
failure("hours", value) := "outside the hours" if not within_hours(value)

# METADATA
# title: The client is in none of the networks
failure("networks", value) := "outside the networks" if not in_networks(value)

# METADATA
# title: The client is in one of the networks, or its address is not known
failure("not_networks", value) := "from a barred network" if not outside_networks(value)

# METADATA
# title: The client is in none of the countries
failure("countries", value) := "outside the countries" if not in_countries(value)

# METADATA
# title: The client is in one of the countries, or where it is is not known
failure("not_countries", value) := "from a barred country" if not outside_countries(value)

# METADATA
# title: The person is on a device that they did not have remembered
failure("trusted_device", value) := "not on a trusted device" if not on_trusted_device(value)

# METADATA
# title: What was unusual of the login weighs too much
failure("risk_below", value) := "the risk is too high" if not risk_below(value)

# METADATA
# title: The account was made too short a time ago
failure("account_age_seconds", value) := "the account is too young" if not account_older(value)

# METADATA
# title: A test that nobody knows does not hold
failure(member, _) := "the condition can't be read" if not member in {
	"hours", "networks", "not_networks", "countries", "not_countries", "trusted_device",
	"risk_below", "account_age_seconds", "otherwise", "second_factor_seconds", "break_glass",
}
