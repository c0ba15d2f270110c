package system.log_test

import data.system.log

test_names_and_bodies_are_masked if {
	log.mask == {"/input/identity/name", "/input/target", "/input/body"}
}
