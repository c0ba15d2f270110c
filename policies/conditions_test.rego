package gateway_test

# The decision about a page of the classification that has the condition.
under(condition, document) := d if {
	d := decide(classified(document, "conditional")) with data.classifications.conditional as {"conditions": ["it"]}
		with data.conditions.it as condition
}

passes(condition, document) if under(condition, document).allow == true

fails_for(condition, document, reason) if under(condition, document) == {"allow": false, "reason": reason, "obligations": {}}

page := asked_by("user", "app:read")

from(client) := object.union(object.remove(page, {"client"}), {"client": client})

test_conditions_are_off_until_data_says if {
	count(data.conditions) == 0
	every class in data.classifications {
		not class.conditions
	}
}

test_networks if {
	passes({"networks": ["10.0.0.0/8", "192.0.2.0/24"]}, page)
	fails_for({"networks": ["10.0.0.0/8"]}, page, "outside the networks")
	fails_for({"networks": []}, page, "outside the networks")
	fails_for({"networks": ["0.0.0.0/0"]}, from({}), "outside the networks")
	passes({"networks": ["2001:db8::/32"]}, from({"ip": "2001:db8::1"}))
	fails_for({"networks": ["10.0.0.0/8"]}, from({"ip": "2001:db8::1"}), "outside the networks")
}

test_barred_networks if {
	passes({"not_networks": ["10.0.0.0/8"]}, page)
	fails_for({"not_networks": ["192.0.2.0/24"]}, page, "from a barred network")
	fails_for({"not_networks": ["10.0.0.0/8"]}, from({}), "from a barred network")
	fails_for({"not_networks": "10.0.0.0/8"}, page, "from a barred network")
}

test_countries if {
	passes({"countries": {"DE": true, "AT": true}}, page)
	fails_for({"countries": {"AT": true}}, page, "outside the countries")
	fails_for({"countries": {"DE": true}}, from({"ip": "192.0.2.1"}), "outside the countries")
}

test_barred_countries if {
	passes({"not_countries": {"AT": true}}, page)
	fails_for({"not_countries": {"DE": true}}, page, "from a barred country")
	fails_for({"not_countries": {"AT": true}}, from({"ip": "192.0.2.1"}), "from a barred country")
	fails_for({"not_countries": ["DE"]}, page, "from a barred country")
}

test_trusted_device if {
	fails_for({"trusted_device": true}, page, "not on a trusted device")
	passes({"trusted_device": true}, object.union(page, {"identity": {"trusted_device": true}}))
	passes({"trusted_device": false}, page)
	fails_for({"trusted_device": "yes"}, object.union(page, {"identity": {"trusted_device": true}}), "not on a trusted device")
}

risky(findings) := object.union(page, {"identity": {"risk": findings}})

test_risk if {
	passes({"risk_below": 50}, page)
	passes({"risk_below": 51}, risky(["new-device", "new-country"]))
	fails_for({"risk_below": 50}, risky(["new-device", "new-country"]), "the risk is too high")
	fails_for({"risk_below": 100}, risky(["never heard of"]), "the risk is too high")
	fails_for({"risk_below": "50"}, page, "the risk is too high")
	unknown := object.union(ask("app:read"), {"identity": object.remove(person("user"), {"risk"})})
	fails_for({"risk_below": 50}, unknown, "the risk is too high")
}

test_account_age if {
	passes({"account_age_seconds": 86400}, page)
	fails_for({"account_age_seconds": 86401}, page, "the account is too young")
	fails_for({"account_age_seconds": "1"}, page, "the account is too young")
	unknown := object.union(ask("app:read"), {"identity": object.remove(person("user"), {"created"})})
	fails_for({"account_age_seconds": 1}, unknown, "the account is too young")
}

test_all_tests_of_a_condition_must_hold if {
	fails_for({"networks": ["192.0.2.0/24"], "countries": {"AT": true}}, page, "outside the countries")
	fails_for({"networks": ["10.0.0.0/8"], "countries": {"AT": true}}, page, "outside the networks")
	fails_for({"networks": ["10.0.0.0/8"], "countries": {"DE": true}}, page, "outside the networks")
	passes({"networks": ["192.0.2.0/24"], "countries": {"DE": true}}, page)
}

test_conditions_that_nobody_knows_do_not_hold if {
	fails_for({}, page, "the condition is not known")
	fails_for({"netwroks": ["192.0.2.0/24"]}, page, "the condition can't be read")
	d := decide(classified(page, "conditional")) with data.classifications.conditional as {"conditions": ["nobody wrote it"]}
	d.reason == "the condition is not known"
}

test_a_second_factor_makes_up_for_it_where_it_says_so if {
	condition := {"trusted_device": true, "otherwise": "step_up", "second_factor_seconds": 900}
	under(condition, page) == {"allow": false, "reason": "not on a trusted device", "obligations": {"step_up": true, "max_age": 900}}
	under(condition, with_factor(page, 901)).obligations == {"step_up": true, "max_age": 900}
	passes(condition, with_factor(page, 900))
	passes(condition, object.union(page, {"identity": {"trusted_device": true}}))
	every odd in [{"otherwise": "stepup"}, {"otherwise": true}, {"second_factor_seconds": "900"}] {
		fails_for(object.union(condition, odd), with_factor(page, 1), "not on a trusted device")
	}
}

# Two conditions: the one that nothing makes up for refuses.
test_refusal_comes_before_step_up if {
	d := decide(classified(page, "conditional")) with data.classifications.conditional as {"conditions": ["device", "office"]}
		with data.conditions as {
			"device": {"trusted_device": true, "otherwise": "step_up", "second_factor_seconds": 900},
			"office": {"networks": ["10.0.0.0/8"]},
		}
	d == {"allow": false, "reason": "outside the networks", "obligations": {}}
}

test_emergency_access_lifts_conditions_that_say_so if {
	condition := {"networks": ["10.0.0.0/8"], "break_glass": true}
	fails_for(condition, page, "outside the networks")
	under(condition, in_break_glass(page)) == {
		"allow": true, "reason": "signed in",
		"obligations": {"tier": "standard", "log": "full", "incident": "break-glass"},
	}
	fails_for(object.remove(condition, {"break_glass"}), in_break_glass(page), "outside the networks")
	fails_for(object.union(condition, {"break_glass": "yes"}), in_break_glass(page), "outside the networks")
}

# A condition that holds is not lifted: no incident.
test_no_incident_where_nothing_was_lifted if {
	d := under({"networks": ["192.0.2.0/24"], "break_glass": true}, in_break_glass(page))
	d.obligations == {"tier": "standard", "log": "full"}
}
