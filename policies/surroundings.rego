package gateway

# METADATA
# title: The client's address is in one of the networks
in_networks(networks) if {
	some network in networks
	net.cidr_contains(network, input.client.ip)
}

# METADATA
# title: The client's address is known, and in none of the networks
outside_networks(networks) if {
	is_array(networks)
	input.client.ip
	not in_networks(networks)
}

# METADATA
# title: The client's country is one of these
in_countries(countries) if countries[input.client.country]

# METADATA
# title: The client's country is known, and none of these
outside_countries(countries) if {
	is_object(countries)
	input.client.country
	not in_countries(countries)
}

# METADATA
# title: The person is on a device that they had remembered
on_trusted_device(asked) if asked == false

# METADATA
# title: The same, where it is asked for
on_trusted_device(asked) if {
	asked == true
	input.identity.trusted_device
}

# METADATA
# title: What was unusual of the login weighs less than so much
# description: A finding that risk_weights does not know weighs 100.
risk_below(limit) if {
	is_number(limit)
	input.identity.risk
	sum([object.get(data.risk_weights, finding, 100) | some finding in input.identity.risk]) < limit
}

# METADATA
# title: The account was made so many seconds ago
# description: When an account of another issuer was made is not known.
account_older(seconds) if {
	is_number(seconds)
	time.now_ns() - (input.identity.created * 1000000000) >= seconds * 1000000000
}
