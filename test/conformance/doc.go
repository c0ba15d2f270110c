// Package conformance holds suites that others wrote, run against the built gateway.
//
// TestCoreRuleSet drives the whole test suite of the OWASP Core Rule Set (4.25: 4,674 tests) over raw TCP through gw_audit and
// gw_waf to a back end that reflects, and reads what the WAF saw from the security events. What go-ftw, the suite's own
// program, makes of a test is followed here; request.go and check.go say how.
package conformance
