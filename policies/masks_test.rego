package system.log_test

import data.system.log

test_names_bodies_and_queries_are_masked if {
	log.mask == {"/input/identity/name", "/input/target", "/input/body", "/input/request/query"}
}
