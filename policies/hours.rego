package gateway

# METADATA
# title: It is one of the days, and between two times of that day, where the zone's clocks are looked at
# description: |
#   {"zone": "Europe/Berlin", "days": {"Monday": true}, "from": "08:00", "until": "18:00"}. A span over midnight, as 22:00 to 06:00, is
#   two spans of a day: that after midnight is of the next day.
within_hours(hours) if {
	at := clock_in(hours.zone)
	hours.days[at.day]
	within_span(at.time, clock_time(hours.from), clock_time(hours.until))
}

# METADATA
# title: A time between two others
within_span(now, from, until) if {
	from <= until
	from <= now
	now < until
}

# METADATA
# title: A time of a span over midnight, in its evening
within_span(now, from, until) if {
	from > until
	now >= from
}

# METADATA
# title: A time of a span over midnight, in its morning
within_span(now, from, until) if {
	from > until
	now < until
}

# METADATA
# title: Day of the week and time in a zone
clock_in(zone) := {"day": time.weekday([now, zone]), "time": sprintf("%02d:%02d", [hour, minute])} if {
	now := time.now_ns()
	[hour, minute, _] := time.clock([now, zone])
}

# METADATA
# title: A time as hours write it
clock_time(text) := text if regex.match(`^([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]|24:00)$`, text)
