package gateway_test

fields := {
	"GET /people": {"query": {"q": "internal"}, "response": {"": "internal", "/people/*/phone": "personal", "/people/*/mail": "contact", "/people/*/salary": "paid"}},
	"POST /people": {"request": {"/salary": "paid"}},
	"GET /ws": {"in": {"say": {"/text": "own"}}, "out": {"said": {"/phone": "personal", "/text": "own"}, "typed": {"/mail": "contact"}, "bye": {"/at": "public"}}},
}

field_classes := object.union(data.classifications, {
	"personal": {"masked": {"with": "truncate(0,2)"}, "unmasked": {"moderator": true}},
	"contact": {"masked": {"with": "null"}},
	"paid": {"signed_in": true, "masked": {"with": "drop"}, "unmasked": {"admin": true}, "second_factor_seconds": 600, "acr": {"aal2": true}},
	"own": {"roles": {"premium": true}, "encrypted": true},
})

carrying(document, name) := object.union(document, {"request": {"fields": name}})

said(document, direction, type) := object.union(document, {"message": {"direction": direction, "type": type}})

decide_fields(document) := d if {
	d := decide(document) with data.fields as fields with data.classifications as field_classes
}

masks_of(document) := object.get(d.obligations, "mask", []) if {
	d := decide_fields(document)
	d.allow == true
}

phone := "truncate(0,2):/people/*/phone"

mail := "/people/*/mail"

salary := "drop:/people/*/salary"

# Each sees what their class lets them see.
test_fields_are_masked_by_role if {
	people := carrying(asked_by("user", "app:read"), "GET /people")
	masks_of(people) == [mail, salary, phone]
	masks_of(carrying(asked_by("moderator", "app:read"), "GET /people")) == [mail, salary]
	masks_of(of_roles(people, ["user", "moderator"])) == [mail, salary]
}

# Who may see them sees them after the second factor that the class asks for; until then they are masked, and the rest can be read.
test_a_mask_goes_with_the_second_factor if {
	people := carrying(asked_by("admin", "app:read"), "GET /people")
	masks_of(people) == [mail, salary]
	masks_of(with_factor(people, 600)) == [mail]
	masks_of(with_factor(people, 601)) == [mail, salary]
	masks_of(object.union(people, {"identity": {"mfa_time": now}})) == [mail, salary]
}

test_a_token_must_name_what_it_unmasks if {
	people := carrying(asked_by("moderator", "app:read"), "GET /people")
	masks_of(scoped(people, ["app:read"])) == [mail, salary, phone]
	masks_of(scoped(people, ["app:read", "unmask:personal"])) == [mail, salary]
}

# What is written is not masked: who may not meet its class does not write it.
test_written_fields_ask_for_what_their_class_asks_for if {
	document := carrying(asked_by("user", "app:write"), "POST /people")
	d := decide_fields(document)
	d.allow == false
	d.reason == "a recent second factor is needed"
	masks_of(with_factor(document, 1)) == []
	e := decide_fields(carrying(ask("public"), "POST /people"))
	e.reason == "the classification needs somebody signed in"
}

test_fields_of_messages if {
	document := carrying(asked_by("premium", "app:read"), "GET /ws")
	masks_of(document) == []
	masks_of(said(document, "out", "said")) == ["truncate(0,2):/phone"]
	masks_of(said(document, "out", "typed")) == ["/mail"]
	masks_of(said(document, "out", "bye")) == []
	masks_of(said(document, "out", "")) == ["/mail", "truncate(0,2):/phone"]
	masks_of(said(document, "in", "say")) == []
	refused := carrying(asked_by("user", "app:read"), "GET /ws")
	masks_of(refused) == []
	every message in [said(refused, "in", "say"), said(refused, "out", "said")] {
		d := decide_fields(message)
		d.reason == "the classification needs another role"
	}
	masks_of(said(refused, "out", "bye")) == []
}

test_routes_that_the_data_do_not_know if masks_of(carrying(asked_by("user", "app:read"), "GET /unknown")) == []

test_short_and_long_of_fields if {
	every permission in ["public", "app:read", "app:restricted", "room:read"] {
		every name, _ in fields {
			every document in [ask(permission), on_resource("user", permission, ["owner"]), on_resource("admin", permission, []), in_break_glass(on_resource("moderator", permission, []))] {
				decide_fields(carrying(document, name))
				decide_fields(with_factor(carrying(document, name), 1))
			}
		}
	}
}

test_every_field_has_a_class_that_is_described if {
	every parts in data.fields {
		every class in {class | walk(parts, [_, class]); is_string(class)} {
			is_object(data.classifications[class])
		}
	}
}
