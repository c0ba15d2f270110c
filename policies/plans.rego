package gateway

# METADATA
# title: What is asked of the person by the classifications of route and permission, and owed by the decision, in one look-up
# description: Undefined where plans can't say it. Then the long way is gone.
plan := plans[standing][route_class][subjects[input.request.permission]] if {
	input.identity.subject
	input.request.fields == ""
}

# METADATA
# title: Nothing is asked that the person has not given
given(asked) if asked.factor == false

# METADATA
# title: They gave a second factor that is as sure and as fresh as is asked
given(asked) if {
	asked.levels[input.identity.acr] == true
	time.now_ns() - (input.identity.mfa_time * 1000000000) <= asked.nanoseconds
}

# METADATA
# title: The classification of the route, or set() for none
route_class := class if {
	class := input.request.classification
} else := set()

# METADATA
# title: The plans of all roles that have no classification, by the classifications of route and permission
# description: |
#   set() stands for none, since no name of a classification is like it. Of the data alone, so it is found once.
plans[name][route][subject] := plan_for(person, {route, subject} - {set()}) if {
	some name, person in data.roles
	not person.classifications
	some route in route_classes
	some subject in subject_classes
}

# METADATA
# title: What a route can say, and none
route_classes := {set()} | {name | some name, _ in data.classifications}

# METADATA
# title: What permissions say, and none
subject_classes := {set()} | {class | some class in subjects}

# METADATA
# title: The classification of each permission, or set() for none
# description: Of the data alone, so it is found once.
subjects[name] := class_of(permission) if some name, permission in data.permissions

# METADATA
# title: The classification that a permission has, or set() for none
class_of(permission) := class if {
	class := permission.classification
} else := set()

# METADATA
# title: What these classifications ask of a person who meets all but for the second factor
plan_for(person, names) := object.union({"factor": false}, obligations_of(person, asked)) if {
	asked := met(person, names)
	every class in asked {
		not class.acr
		not class.second_factor_seconds
	}
} else := object.union({"factor": true, "seconds": min(seconds), "nanoseconds": min(seconds) * 1000000000, "levels": levels}, obligations_of(person, asked)) if {
	asked := met(person, names)
	seconds := {class.second_factor_seconds | some class in asked}
	levels := {level: true |
		some class in asked
		some level, _ in class.acr
		every other in asked {
			takes(other, level)
		}
	}
}

# METADATA
# title: The classifications of these names, where plans can say them and the person has the roles that they ask for
met(person, names) := asked if {
	asked := [plain_classifications[name] | some name in names]
	count(asked) == count(names)
	every class in asked {
		open_to(class, person)
	}
}

# METADATA
# title: The classifications that plans can say
plain_classifications[name] := class if {
	some name, class in data.classifications
	is_object(class)
	every member, value in class {
		member in {"signed_in", "roles", "acr", "second_factor_seconds", "encrypted", "masked", "unmasked", "log", "expires"}
		readable(member, value)
	}
}

# METADATA
# title: A classification without roles is for all of them
open_to(class, _) if not class.roles

# METADATA
# title: The person has a role that the classification is for
open_to(class, person) if permits(class, person)

# METADATA
# title: A classification without levels of assurance takes any
takes(class, _) if not class.acr

# METADATA
# title: The level of assurance is one that the classification takes
takes(class, level) if class.acr[level]

# METADATA
# title: What decisions owe, in and out of sessions with emergency access, and where that alone allows
obligations_of(person, asked) := {"obligations": plain, "watched": watched, "incident": object.union(watched, {"incident": "break-glass"})} if {
	own := object.get(person, "obligations", {})
	is_object(own)
	log := [level | some level in ["full", "brief", "none"]; some class in asked; class.log == level]
	expires := [class.expires | some class in asked]
	plain := object.union_n([own, {"log": level | level := log[0]}, {"expires": least | least := min(expires)}])
	watched := object.union(plain, {"log": "full"})
}

# METADATA
# title: What the decision owes
obligations := plan.obligations if {
	input.identity.break_glass == false
} else := plan.incident if {
	emergency_used
} else := plan.watched if {
	in_emergency
} else := plan.obligations

# METADATA
# title: The roles that say all of a person who has one of those below them, too
# description: |
#   As an admin who is also a user. Nothing is lost where the role is all that those are, comes before them in role_order, and none of
#   them has a classification. Of the data alone, so it is found once.
lines := {name: below |
	some at, name in data.role_order
	before := array.slice(data.role_order, 0, at)
	below := data.roles[name].is
	below[name] == true
	every other, is in below {
		is == true
		not other in before
		not data.roles[other].classifications
		every least, _ in object.get(data.roles, [other, "is"], {}) {
			below[least]
		}
	}
} if {
	count(data.role_order) <= 50
}
