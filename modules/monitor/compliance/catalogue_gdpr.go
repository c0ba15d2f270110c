package compliance

// Regulation (EU) 2016/679.
var gdpr = Framework{"gdpr", "GDPR (Regulation (EU) 2016/679), Articles 25 and 32", "GDPR", []Control{
	{"Art. 25(1)", "Data protection is designed in: encryption, minimisation, pseudonyms", by("field-encryption", "sensitive-data", "credentials-logged")},
	{"Art. 25(2)", "By default no more is accessible, and nothing is kept for longer, than is needed", by("authorization", "permissions", "registration", "retention")},
	{"Art. 32(1)(a)", "Personal data are encrypted", by("tls", "upstream-tls", "field-encryption", "events-encrypted", "database-tls", "store-tls", "master-key")},
	{"Art. 32(1)(b)", "Confidentiality, integrity, availability and resilience last", by("authentication", "authorization", "waf", "rate-limit", "load-shed", "audit-log", "redundancy")},
	{"Art. 32(1)(d)", "Measures are tested and assessed regularly", by("access-review", "audit-complete", "incidents-worked")},
	{"Art. 32(2)", "Risks of disclosure and of unlawful access are provided against", by("second-factor", "operators-factor", "responses-inspected", "errors", "detection")},
	{"Art. 32(4)", "Whoever has access acts as they are told to", by("authorization", "decisions-recorded", "audit-log", "break-glass")},
}}
