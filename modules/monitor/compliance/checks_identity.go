package compliance

import (
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// identityChecks are of who may, as it is configured.
var identityChecks = []Check{
	{"authentication", "Whoever asks is identified before the application", "Put gw_authenticate before the application (gw_secure has it).", func(f *Facts) Outcome { return before(f, "gw_authenticate", nil) }},
	{"origins", "Changes and sockets of other origins' pages are refused", "Name origins of your own alone in gw_authenticate.", lookOrigins},
	{"authorization", "Every request is decided by the policy before the application", "Put gw_authorize before the application (gw_secure has it).", func(f *Facts) Outcome { return before(f, "gw_authorize", nil) }},
	{"permissions", "Routes name the permission that they need", "Give each route of gw_authorize a permission.", lookPermissions},
	{"objects", "Access to single objects is decided, not to kinds alone", "Name the `resource` of routes whose path has an id.", lookObjects},
	{"decisions-recorded", "Decisions are recorded", "Leave `decisions` of the policy at all, or at denied.", lookDecisions},
	{"policy-signed", "A policy that is fetched is signed", "In policy { bundle … }: name the keys that sign it.", lookBundle},
	{"break-glass", "Emergency access ends by itself, soon", "Set break_glass to an hour or less.", lookBreakGlass},
	{"second-factor", "Who runs the place must have a second factor", "In identity: second_factor required admin moderator", lookSecondFactor},
	{"password-length", "Passwords have at least 8 characters, and may have 64", "In identity: passwords { min_length 10 }", lookPasswordLength},
	{"password-guessing", "Passwords that are easy to guess, or known to have leaked, are refused", "In identity: passwords { strength 3 }", lookPasswordStrength},
	{"password-age", "Nobody has to change a password only because it is old", "Take max_age out of passwords.", lookPasswordAge},
	{"password-hash", "Passwords are stored by Argon2id at a cost that OWASP recommends", "Leave argon2 at its default, or give it more.", lookHash},
	{"login-throttle", "Who guesses passwords or codes has to wait, longer each time", "Leave the zone login of gw_rate_limit on, and throttle of identity at 100 free tries or fewer.", lookLogin},
	{"session-idle", "A session that nobody uses ends within 30 minutes", "In identity: idle 30m, without remember.", lookIdle},
	{"session-absolute", "A session ends within 12 hours, whatever is done in it", "In identity: absolute 12h, without remember.", lookAbsolute},
	{"operators-remembered", "Who runs the place is never kept signed in", "In identity: remember { except admin moderator }", lookRemember},
	{"token-lifetime", "Access tokens last for 15 minutes at most", "In identity: access_lifetime 5m", lookAccess},
	{"tokens-expire", "Personal access tokens end within a year", "In identity: personal_tokens { max_lifetime 8760h }", lookTokens},
	{"registration", "Nobody opens an account unasked", "In identity: registration off, invitation or approval.", lookRegistration},
	{"assertion", "The application is told who asks by a signed statement for it alone", "Name the application in gw_authorize: audience chat", lookAssertion},
}

func lookOrigins(f *Facts) Outcome {
	return before(f, "gw_authenticate", func(h inforce.Handler) Outcome {
		origins := inforce.Texts(h.Settings, "origins")
		if slices.Contains(origins, "*") || slices.Contains(origins, "null") {
			return notMet("pages of any origin may act for people")
		}
		if len(origins) == 0 {
			return met("only the site's own pages may act for people")
		}
		return met("besides the site's own pages those of %s may", comma(origins))
	})
}

func lookPermissions(f *Facts) Outcome {
	return before(f, "gw_authorize", func(h inforce.Handler) Outcome {
		routes := list(h.Settings, "routes")
		if len(routes) == 0 {
			return notMet("no route names a permission: whoever is signed in may do anything")
		}
		var bare []string
		for _, r := range routes {
			if inforce.Text(r, "permission") == "" {
				bare = append(bare, comma(inforce.Texts(r, "methods"))+" "+inforce.Text(r, "path"))
			}
		}
		if len(bare) > 0 {
			return notMet("without a permission: %s", comma(bare))
		}
		return met("%d routes name theirs; any other needs somebody signed in", len(routes))
	})
}

func lookObjects(f *Facts) Outcome {
	return before(f, "gw_authorize", func(h inforce.Handler) Outcome {
		named := 0
		for _, r := range list(h.Settings, "routes") {
			if inforce.Text(r, "resource") != "" {
				named++
			}
		}
		if named == 0 {
			return notMet("no route names an object")
		}
		return met("%d routes are decided by the object that they are about", named)
	})
}

func lookDecisions(f *Facts) Outcome {
	return from(f, "gw_policy", func(t inforce.Tree) Outcome {
		if d := inforce.Text(t, "decisions"); d != "all" && d != "denied" {
			return notMet("decisions are recorded: %s", d)
		}
		return met("decisions are recorded: %s", inforce.Text(t, "decisions"))
	})
}

func lookBundle(f *Facts) Outcome {
	return from(f, "gw_policy", func(t inforce.Tree) Outcome {
		switch {
		case inforce.Text(t, "bundle.from") == "":
			return notApplicable("the policy is not fetched: it is from %s", orDefault(inforce.Text(t, "from"), "the binary or a folder"))
		case inforce.True(t, "bundle.unsigned") || len(list(t, "bundle.keys")) == 0:
			return notMet("whoever can write it decides who may do what")
		}
		return met("%d keys may sign it", len(list(t, "bundle.keys")))
	})
}

func lookBreakGlass(f *Facts) Outcome {
	return from(f, "gw_policy", func(t inforce.Tree) Outcome {
		if d := inforce.Age(t, "break_glass"); d <= 0 || d > time.Hour {
			return notMet("it lasts %s", d)
		}
		return met("it lasts %s", inforce.Age(t, "break_glass"))
	})
}

func lookSecondFactor(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if l := lacking(Privileged, inforce.Texts(t, "second_factor.required")); len(l) > 0 {
			return notMet("a password alone is enough for %s", comma(l))
		}
		return met("required of %s", comma(inforce.Texts(t, "second_factor.required")))
	})
}

func lookPasswordLength(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		least, most := inforce.Number(t, "passwords.min_length"), inforce.Number(t, "passwords.max_length")
		if least < 8 || most < 64 {
			return notMet("from %.0f to %.0f characters", least, most)
		}
		return met("from %.0f to %.0f characters", least, most)
	})
}

func lookPasswordStrength(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		strength, leaked := inforce.Number(t, "passwords.strength"), inforce.Text(t, "passwords.leaked")
		if strength < 3 || leaked == "" {
			return notMet("strength %.0f of 4 is enough", strength)
		}
		return met("strength %.0f of 4; leaked ones by %s", strength, leaked)
	})
}

func lookPasswordAge(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if d := inforce.Age(t, "passwords.max_age"); d > 0 {
			return notMet("a new one is asked for every %s", d)
		}
		return met("a password stays until its owner changes it")
	})
}

// costs are what OWASP's cheat sheet on password storage counts as enough, KiB of memory and passes.
var costs = [][2]float64{{47104, 1}, {19456, 2}, {12288, 3}, {9216, 4}, {7168, 5}}

func lookHash(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		memory, passes := inforce.Number(t, "argon2.memory"), inforce.Number(t, "argon2.time")
		for _, c := range costs {
			if memory >= c[0] && passes >= c[1] {
				return met("Argon2id, %.0f MiB, %.0f passes", memory/1024, passes)
			}
		}
		return notMet("Argon2id, %.0f MiB, %.0f passes", memory/1024, passes)
	})
}

func lookLogin(f *Facts) Outcome {
	limits := each(f.sites("gw_portal"), "no site has a login", func(p place) Outcome {
		guards, bare := p.guards("gw_rate_limit", "gw_portal")
		if len(guards) == 0 || bare || zone(guards[0], "login") == nil {
			return notMet("how often a client may try to log in is not limited")
		}
		return met("a client may try %s", inforce.Text(zone(guards[0], "login"), "rate"))
	})
	if limits.Result == NotApplicable {
		return limits
	}
	wait := from(f, "gw_identity", func(t inforce.Tree) Outcome {
		free := inforce.Number(t, "throttle.account.free")
		if free <= 0 || free > 100 || inforce.Age(t, "throttle.account.first") <= 0 {
			return notMet("%.0f tries at one account before anybody waits", free)
		}
		return met("%.0f wrong tries at one account, then waits from %s to %s", free, inforce.Age(t, "throttle.account.first"), inforce.Age(t, "throttle.account.longest"))
	})
	return gather([]Outcome{limits, wait}, "")
}

func remembered(t inforce.Tree) bool { _, ok := t["remember"].(inforce.Tree); return ok }

func lookIdle(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if d := inforce.Age(t, "idle"); d <= 0 || d > 30*time.Minute {
			return notMet("after %s", d)
		}
		if remembered(t) {
			return notMet("who asks for it stays signed in for longer (remember)")
		}
		return met("after %s", inforce.Age(t, "idle"))
	})
}

func lookAbsolute(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if d := inforce.Age(t, "absolute"); d <= 0 || d > 12*time.Hour {
			return notMet("after %s", d)
		}
		if remembered(t) {
			return notMet("who asks for it stays signed in for longer (remember)")
		}
		return met("after %s", inforce.Age(t, "absolute"))
	})
}

func lookRemember(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if !remembered(t) {
			return met("nobody is")
		}
		if l := lacking(Privileged, inforce.Texts(t, "remember.except")); len(l) > 0 {
			return notMet("%s may be", comma(l))
		}
		return met("all but %s may be", comma(inforce.Texts(t, "remember.except")))
	})
}

func lookAccess(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		if d := inforce.Age(t, "access_lifetime"); d <= 0 || d > 15*time.Minute {
			return notMet("they last %s", d)
		}
		return met("they last %s", inforce.Age(t, "access_lifetime"))
	})
}

func lookTokens(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		switch d := inforce.Age(t, "personal_tokens.max_lifetime"); {
		case inforce.True(t, "personal_tokens.off"):
			return notApplicable("nobody makes any")
		case d <= 0 || d > 366*day:
			return notMet("they last %s", d)
		}
		return met("they last %s at most", inforce.Age(t, "personal_tokens.max_lifetime"))
	})
}

func lookRegistration(f *Facts) Outcome {
	return from(f, "gw_identity", func(t inforce.Tree) Outcome {
		mode := inforce.Text(t, "registration.mode")
		if mode == "open" || mode == "" {
			return notMet("everybody may open one")
		}
		return met("registration is %s", mode)
	})
}

func lookAssertion(f *Facts) Outcome {
	return before(f, "gw_authorize", func(h inforce.Handler) Outcome {
		if a := inforce.Text(h.Settings, "audience"); a != "" && a != "backend" {
			return met("signed for %q", a)
		}
		return notMet("it is signed for \"backend\", as it would be for any other application")
	})
}
