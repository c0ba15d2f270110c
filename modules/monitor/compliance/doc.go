// Package compliance says which controls of security standards are met: ISO/IEC 27001:2022 Annex A, SOC 2 Common Criteria, GDPR Articles 25 and 32,
// NIST CSF 2.0, OWASP ASVS 5.0. Of each standard it holds those controls alone that a gateway can give evidence of, by their numbers and in words of its
// own.
//
// Nothing is claimed without a check: a function over Facts, what the running gateway does and what stands in its data. A check says met, not met, not
// applicable, or that it can't know, what it saw, and how to mend it. A control is met where its checks are; what of the control they do not look at
// (people, buildings, contracts, the application behind the gateway) they say nothing of, and so does the report.
package compliance
