package compliance

import (
	"slices"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// inputChecks are of what comes in and goes out through the gateway.
var inputChecks = []Check{
	{"waf", "Attacks are looked for in every request and refused", "Put gw_waf before the application, in mode block everywhere (gw_secure has it so).", lookWAF},
	{"responses-inspected", "Answers are looked through for what must not leave", "Leave `responses` of gw_waf and the output of gw_protect on.", lookResponses},
	{"sensitive-data", "Card numbers, bank accounts and the like are looked for in answers, and masked or kept back", "In gw_protect: detect card iban mask (see its README), at the paths where nobody needs them whole.", lookDetect},
	{"errors", "Errors tell nothing of the inside", "Leave `errors` and `traces` of gw_protect's output at their defaults.", lookErrors},
	{"rate-limit", "How much anybody may ask is limited", "Put gw_rate_limit before the application (gw_secure has it), with the zones client and user.", lookRateLimit},
	{"load-shed", "A node that has too much to do refuses some, and serves the rest", "Leave `shed` of gw_rate_limit on.", lookShed},
	{"abuse", "Clients that misbehave meet tighter limits, then a ban", "Leave `abuse` of the gateway on, with a score for bans.", lookAbuse},
	{"validation", "Requests are held to a description of the interface", "Give gw_validate the application's OpenAPI document, with requests enforce.", lookValidation},
	{"uploads", "Files are taken only as what they are, within bounds", "Put gw_upload before the application, in mode block, with no route off.", lookUploads},
	{"malware-scan", "Files are scanned for malware, and kept out while nobody scans", "In gw_upload: scanner unix:///run/clamav/clamd.ctl", lookScanner},
}

func lookWAF(f *Facts) Outcome {
	return before(f, "gw_waf", func(h inforce.Handler) Outcome {
		if mode := inforce.Text(h.Settings, "mode"); mode != "block" {
			return notMet("gw_waf is in mode %s", mode)
		}
		for _, m := range list(h.Settings, "modes") {
			if mode := inforce.Text(m, "mode"); mode != "block" {
				return notMet("gw_waf is in mode %s at some paths", mode)
			}
		}
		return met("gw_waf blocks from a score of %.0f on, at paranoia level %.0f", inforce.Number(h.Settings, "inbound_threshold"), inforce.Number(h.Settings, "paranoia"))
	})
}

func lookResponses(f *Facts) Outcome {
	waf := before(f, "gw_waf", func(h inforce.Handler) Outcome {
		if inforce.True(h.Settings, "responses.off") {
			return notMet("gw_waf does not look at answers")
		}
		return met("gw_waf looks at answers")
	})
	protect := before(f, "gw_protect", func(h inforce.Handler) Outcome {
		if inforce.True(h.Settings, "output.off") {
			return notMet("gw_protect does not look at answers")
		}
		return met("gw_protect looks at answers")
	})
	return gather([]Outcome{waf, protect}, "")
}

func lookDetect(f *Facts) Outcome {
	return before(f, "gw_protect", func(h inforce.Handler) Outcome {
		kinds := map[string]bool{}
		for _, d := range list(h.Settings, "detect") {
			if a := inforce.Text(d, "action"); a == "mask" || a == "block" {
				for _, k := range inforce.Texts(d, "kinds") {
					kinds[k] = true
				}
			}
		}
		if len(kinds) == 0 {
			return notMet("gw_protect looks for none, or reports it only")
		}
		return met("%d kinds are masked or kept back", len(kinds))
	})
}

func lookErrors(f *Facts) Outcome {
	return before(f, "gw_protect", func(h inforce.Handler) Outcome {
		errors, traces := inforce.Text(h.Settings, "output.errors"), inforce.Text(h.Settings, "output.traces")
		if inforce.True(h.Settings, "output.off") || errors == "pass" || traces == "off" {
			return notMet("errors of the application reach clients as they are")
		}
		return met("errors of the application are replaced, and stack traces kept back")
	})
}

// zone is a limit that refuses; nil where there is none of that name.
func zone(h inforce.Handler, name string) inforce.Tree {
	for _, z := range list(h.Settings, "zones") {
		if inforce.Text(z, "name") == name && !inforce.True(z, "shadow") {
			return z
		}
	}
	return nil
}

func lookRateLimit(f *Facts) Outcome {
	return before(f, "gw_rate_limit", func(h inforce.Handler) Outcome {
		for _, name := range []string{"client", "user"} {
			if zone(h, name) == nil {
				return notMet("no zone %s limits anybody", name)
			}
		}
		return met("%d zones, %s for a client", len(list(h.Settings, "zones")), inforce.Text(zone(h, "client"), "rate"))
	})
}

func lookShed(f *Facts) Outcome {
	return before(f, "gw_rate_limit", func(h inforce.Handler) Outcome {
		if inforce.True(h.Settings, "shed.off") {
			return notMet("it is off")
		}
		return met("from a wait of %s for a processor on", inforce.Age(h.Settings, "shed.target"))
	})
}

func lookAbuse(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		switch {
		case inforce.True(t, "abuse.off"):
			return notMet("nothing is counted")
		case inforce.Number(t, "abuse.ban") <= 0:
			return notMet("nobody is banned by score")
		}
		return met("banned from a score of %.0f on, for %s at first", inforce.Number(t, "abuse.ban"), inforce.Age(t, "abuse.first"))
	})
}

func lookValidation(f *Facts) Outcome {
	return before(f, "gw_validate", func(h inforce.Handler) Outcome {
		document, mode := inforce.Text(h.Settings, "openapi"), inforce.Text(h.Settings, "requests")
		switch {
		case document == "":
			return notMet("gw_validate has no document: it bounds JSON, and knows no more of it")
		case mode != "" && mode != "enforce":
			return notMet("requests that do not fit are not refused (%s)", mode)
		}
		return met("requests are held to %s", document)
	})
}

func lookUploads(f *Facts) Outcome {
	return before(f, "gw_upload", func(h inforce.Handler) Outcome {
		if mode := inforce.Text(h.Settings, "mode"); mode != "block" {
			return notMet("gw_upload is in mode %s", mode)
		}
		if slices.ContainsFunc(list(h.Settings, "routes"), func(r inforce.Tree) bool { return inforce.True(r, "off") }) {
			return notMet("at some routes nothing is looked at")
		}
		size := inforce.Number(h.Settings, "max_size")
		if size == 0 {
			size = 100 << 20 // gw_upload's own
		}
		return met("files of up to %.0f MiB, held to what they say they are, archives and images bounded", size/(1<<20))
	})
}

func lookScanner(f *Facts) Outcome {
	return before(f, "gw_upload", func(h inforce.Handler) Outcome {
		address := inforce.Text(h.Settings, "scanner.address")
		switch {
		case address == "":
			return notMet("no scanner is configured")
		case inforce.Text(h.Settings, "scanner.on_failure") == "open":
			return notMet("while the scanner does not answer, files pass unscanned")
		}
		return met("files are scanned at %s", address)
	})
}
