package gateway

# METADATA
# title: The conditions that the classifications of the request name
# description: One that data does not describe is empty, which can't be read.
conditions contains object.get(data.conditions, name, {}) if {
	some class in classes
	some name in data.classifications[class].conditions
}

# METADATA
# title: Conditions that refuse where they do not hold
strict contains condition if {
	some condition in conditions
	not lifted(condition)
	not step_up_instead(condition)
}

# METADATA
# title: Conditions for which a second factor makes up, which was not given
softened contains condition if {
	some condition in conditions
	not lifted(condition)
	step_up_instead(condition)
	not second_factor_within(condition.second_factor_seconds)
}

# METADATA
# title: A second factor makes up for the condition
step_up_instead(condition) if {
	condition.otherwise == "step_up"
	is_number(condition.second_factor_seconds)
}

# METADATA
# title: Emergency access makes up for the condition
lifted(condition) if {
	condition.break_glass == true
	in_emergency
}

# METADATA
# title: What does not hold of some conditions
# description: What is not known holds nothing. A condition that can't be read does not hold, nor does one that asks for nothing.
failure(some_conditions) := "the condition is not known" if {
	some condition in some_conditions
	count(condition) == 0
} else := "the condition can't be read" if {
	some condition in some_conditions
	count(object.keys(condition) - condition_members) > 0
} else := "outside the hours" if {
	some condition in some_conditions
	hours := condition.hours
	not within_hours(hours)
} else := "outside the networks" if {
	some condition in some_conditions
	networks := condition.networks
	not in_networks(networks)
} else := "from a barred network" if {
	some condition in some_conditions
	networks := condition.not_networks
	not outside_networks(networks)
} else := "outside the countries" if {
	some condition in some_conditions
	countries := condition.countries
	not in_countries(countries)
} else := "from a barred country" if {
	some condition in some_conditions
	countries := condition.not_countries
	not outside_countries(countries)
} else := "not on a trusted device" if {
	some condition in some_conditions
	asked := condition.trusted_device
	not on_trusted_device(asked)
} else := "the risk is too high" if {
	some condition in some_conditions
	limit := condition.risk_below
	not risk_below(limit)
} else := "the account is too young" if {
	some condition in some_conditions
	seconds := condition.account_age_seconds
	not account_older(seconds)
}

# METADATA
# title: What a condition can ask for, and what makes up for it
condition_members := {
	"hours", "networks", "not_networks", "countries", "not_countries", "trusted_device",
	"risk_below", "account_age_seconds", "otherwise", "second_factor_seconds", "break_glass",
}
