package gateway_test

# 1700000000 is Tuesday, 2023-11-14, 22:13:20 UTC, and 23:13:20 in Berlin.
tuesday(from, until) := {"hours": {"zone": "UTC", "days": {"Tuesday": true}, "from": from, "until": until}}

test_within_the_hours if {
	passes(tuesday("08:00", "22:14"), page)
	passes(tuesday("22:13", "24:00"), page)
	fails_for(tuesday("08:00", "22:13"), page, "outside the hours")
	fails_for(tuesday("22:14", "24:00"), page, "outside the hours")
}

test_over_midnight if {
	passes(tuesday("22:00", "06:00"), page)
	passes(tuesday("23:00", "22:30"), page)
	fails_for(tuesday("23:00", "06:00"), page, "outside the hours")
}

test_the_zone_s_clocks_count if {
	fails_for({"hours": {"zone": "Europe/Berlin", "days": {"Tuesday": true}, "from": "22:00", "until": "23:00"}}, page, "outside the hours")
	passes({"hours": {"zone": "Europe/Berlin", "days": {"Tuesday": true}, "from": "23:00", "until": "24:00"}}, page)
	passes({"hours": {"zone": "Asia/Tokyo", "days": {"Wednesday": true}, "from": "07:00", "until": "08:00"}}, page)
}

test_other_days_are_outside if {
	fails_for({"hours": {"zone": "UTC", "days": {"Monday": true}, "from": "00:00", "until": "24:00"}}, page, "outside the hours")
}

test_hours_that_can_not_be_read_are_outside if {
	every hours in [
		{}, {"zone": "UTC"}, {"zone": "UTC", "days": ["Tuesday"], "from": "00:00", "until": "24:00"},
		{"zone": "UTC", "days": {"Tuesday": true}, "from": "8:00", "until": "24:00"},
		{"zone": "UTC", "days": {"Tuesday": true}, "from": "00:00", "until": "25:00"},
		{"zone": "UTC", "days": {"Tuesday": true}, "from": "00:00"},
	] {
		fails_for({"hours": hours}, page, "outside the hours")
	}
}
