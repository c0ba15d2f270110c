package gateway

# METADATA
# title: What the person is entitled to, for rate limits
# description: The tier of the one role that nearly everybody has is looked up; of several roles the first in tier_order counts.
tier := data.role_tier[input.identity.roles[0]] if {
	count(input.identity.roles) == 1
} else := tiers[0] if {
	tiers := [data.role_tier[role] | some role in data.tier_order; role in input.identity.roles]
	count(tiers) > 0
} else := "standard"

# METADATA
# title: The permission asks for a second factor that was not given lately enough
second_factor_missing if {
	seconds := data.second_factor_seconds[input.request.permission]
	not second_factor_within(seconds)
}

# METADATA
# title: The person gave a second factor within the last so many seconds
second_factor_within(seconds) if {
	time.now_ns() - (input.identity.mfa_time * 1000000000) <= seconds * 1000000000
}
