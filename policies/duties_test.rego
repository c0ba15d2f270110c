package gateway_test

personal := {
	"mask": ["phone", "email"], "unmasked": {"moderator": true}, "encrypt": ["note"],
	"log": "none", "expires": 300,
}

owed(document) := d.obligations if {
	d := decide(classified(document, "personal")) with data.classifications.personal as personal
	d.allow == true
}

test_masked_and_encrypted if {
	owed(asked_by("user", "app:read")) == {
		"tier": "standard", "mask": ["email", "phone"], "encrypt": ["note"],
		"log": "none", "expires": 300,
	}
}

test_roles_that_see_what_is_masked if {
	every role in ["moderator", "admin"] {
		object.keys(owed(asked_by(role, "app:read"))) == {"tier", "encrypt", "log", "expires"}
	}

	# … but a token only where it names that.
	owed(scoped(asked_by("admin", "app:read"), ["app:read"])).mask == ["email", "phone"]
	not owed(scoped(asked_by("admin", "app:read"), ["app:read", "unmask:personal"])).mask
}

test_of_several_classifications_all_is_owed if {
	d := decide(with_factor(classified(asked_by("user", "app:restricted"), "personal"), 1)) with data.classifications.personal as personal
	d.obligations == {"tier": "standard", "mask": ["email", "phone"], "encrypt": ["note"], "log": "none", "expires": 60}
	more := object.union(data.classifications.restricted, {"mask": ["address"], "log": "brief"})
	e := decide(with_factor(classified(asked_by("user", "app:restricted"), "personal"), 1)) with data.classifications.personal as personal
		with data.classifications.restricted as more
	e.obligations.mask == ["address", "email", "phone"]
	e.obligations.log == "brief"
	f := decide(with_factor(classified(asked_by("user", "app:restricted"), "personal"), 1)) with data.classifications.personal as object.union(personal, {"log": "full"})
		with data.classifications.restricted as more
	f.obligations.log == "full"
}

test_refusals_owe_nothing if {
	refused_for(classified(on_resource("user", "room:read", []), "confidential"), "no grant on the resource")
}
