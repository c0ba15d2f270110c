package compliance

// SOC 2: the Common Criteria of the Trust Services Criteria 2017, with the points of focus of 2022.
var soc2 = Framework{"soc2", "SOC 2, Common Criteria (Trust Services Criteria 2017, revised 2022)", "SOC 2", []Control{
	{"CC6.1", "Access to information is restricted logically", by("authentication", "authorization", "second-factor", "operators-factor", "password-hash", "field-encryption", "key-rotation")},
	{"CC6.2", "Who gets access is registered first, and removed when it ends", by("registration", "stale-accounts", "stale-keys")},
	{"CC6.3", "Rights follow roles and least privilege, and are reviewed", by("authorization", "permissions", "access-review")},
	{"CC6.6", "What comes from outside is kept out", by("tls", "waf", "rate-limit", "abuse", "admin-endpoint", "second-factor")},
	{"CC6.7", "Information is protected while it is passed on and moved", by("tls", "certificates", "upstream-tls", "database-tls", "store-tls", "events-transport", "field-encryption")},
	{"CC6.8", "Malicious software is prevented and found", by("uploads", "malware-scan", "waf")},
	{"CC7.1", "Changes that bring new weaknesses are noticed", by("audit-log", "policy-signed", "file-modes")},
	{"CC7.2", "Systems are monitored for what is unlike what is usual", by("security-events", "detection", "anomalies")},
	{"CC7.3", "Security events are assessed", by("incidents", "incidents-worked")},
	{"CC7.4", "Incidents are responded to", by("response", "alerts", "alerts-delivered", "incidents-worked")},
}}
