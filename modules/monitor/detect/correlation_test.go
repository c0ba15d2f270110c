package detect

import (
	"slices"
	"testing"
	"time"
)

const login = `title: a login
name: login
id: 4d0a2c83-c62c-4ed4-b475-c7e23a9269b8
logsource: { product: convosphere, category: authentication }
detection: { s: { event.action: login }, condition: s }
`

const failed = `title: a login that failed
name: failed
id: 53ba33fd-3a50-4468-a5ef-c583635cfa92
logsource: { product: convosphere, category: authentication }
detection: { s: { event.action: login, event.outcome: failure }, condition: s }
`

// The specification's example: a correlation of a correlation, whose parts come later in the file.
func TestChain(t *testing.T) {
	r := loadGood(t, `title: Many failed logins, then one that succeeds
id: b180ead8-d58f-40b2-ae54-c8940995b9b6
level: high
correlation:
  type: temporal_ordered
  rules: [many_failed, login]
  group-by: [account]
  timespan: 10m
  aliases:
    account: { many_failed: gateway.account, login: user.id }
gateway: { subject: [user.id], suppress: 30m, respond: [ban 1h, challenge], explain: "{count} in {timespan}" }
---
title: Many failed logins
name: many_failed
correlation:
  type: event_count
  rules: [failed]
  group-by: [gateway.account]
  timespan: 90s
  condition: { gte: 10, lt: 100 }
---
`+failed+"---\n"+login)
	if len(r.All()) != 4 || len(r.Correlations()) != 2 {
		t.Fatalf("%d rules, %d correlations", len(r.All()), len(r.Correlations()))
	}
	many, chain := r.Correlations()[0], r.Correlations()[1]
	if many.Name != "many_failed" || chain.ID != "b180ead8-d58f-40b2-ae54-c8940995b9b6" {
		t.Fatalf("the order is %s, %s", many.Title, chain.Title)
	}
	c := chain.Correlation
	if c.Type != TemporalOrdered || c.Timespan != 10*time.Minute || len(c.Rules) != 2 || c.Rules[0] != many || c.Rules[1].Name != "login" {
		t.Errorf("%+v", c)
	}
	if c.Field("account", c.Rules[0]) != "gateway.account" || c.Field("account", c.Rules[1]) != "user.id" || c.Field("source.ip", many) != "source.ip" {
		t.Error("aliases")
	}
	if m := many.Correlation; !m.Met(10) || !m.Met(99) || m.Met(9) || m.Met(100) || m.Timespan != 90*time.Second {
		t.Errorf("%+v", m)
	}
	for _, rule := range r.All() {
		if rule.Alone != (rule == chain) {
			t.Errorf("%s: alone is %v", rule.Title, rule.Alone)
		}
	}
	if chain.Suppress != 30*time.Minute || !slices.Equal(chain.Respond, []string{"ban 1h", "challenge"}) || !slices.Equal(many.Subject, []string{"gateway.account"}) {
		t.Errorf("%+v", chain)
	}
	if !c.Holds(func(int) bool { return true }) || c.Holds(func(i int) bool { return i == 0 }) {
		t.Error("all of the rules must have matched")
	}
}

// The rules of a correlation are findings of their own where it says so; metrics and conditions are as the specification has them.
func TestCorrelations(t *testing.T) {
	r := loadGood(t, login+"---\n"+failed+`---
title: a
correlation: { type: value_count, rules: [login], group-by: [source.ip], timespan: 2d, generate: true, condition: { field: [gateway.account, user.id], gt: 5 } }
---
title: b
correlation: { type: value_percentile, rules: [login, failed], timespan: 1h, condition: { field: event.duration, percentile: 95, neq: 3 } }
---
title: c
correlation: { type: temporal, rules: [login, failed], group-by: [source.ip], timespan: 1h, condition: login and not failed }
`)
	if rule := r.All()[0]; rule.Name != "login" || rule.Alone {
		t.Errorf("%s: it is part of correlations that do not generate it", rule.Name)
	}
	a, b, c := r.Correlations()[0].Correlation, r.Correlations()[1].Correlation, r.Correlations()[2].Correlation
	if a.Type != ValueCount || !slices.Equal(a.Fields, []string{"gateway.account", "user.id"}) || a.Timespan != 48*time.Hour || !a.Generate {
		t.Errorf("%+v", a)
	}
	if b.Percent != 95 || b.Met(3) || !b.Met(4) || !slices.Equal(r.Correlations()[1].Subject, []string{"source.ip", "user.id"}) {
		t.Errorf("%+v", b)
	}
	if !c.Holds(func(i int) bool { return i == 0 }) || c.Holds(func(int) bool { return true }) {
		t.Error("login and not failed")
	}
	alone := loadGood(t, login+`---
title: a
correlation: { type: event_count, rules: [login], timespan: 2d, generate: true, condition: { gt: 5 } }
`)
	if !alone.All()[0].Alone {
		t.Error("generate makes a rule a finding of its own")
	}
}

// Names of others' logs are those of events in correlations, too.
func TestCorrelationOfOthers(t *testing.T) {
	r := loadGood(t, `title: w
name: w
logsource: { category: webserver }
detection: { s: { sc-status: 404 }, condition: s }
---
title: c
correlation: { type: value_count, rules: [w], group-by: [c-ip], timespan: 1h, condition: { field: cs-uri-stem, gte: 5 } }
`)
	c := r.Correlations()[0].Correlation
	if got := c.Field("c-ip", c.Rules[0]) + " " + c.Field(c.Fields[0], c.Rules[0]); got != "source.ip url.path" {
		t.Error(got)
	}
}

// What is left out takes with it what refers to it; a disabled rule is left out.
func TestDisable(t *testing.T) {
	r, problems := Loader{Disable: []string{"failed", "faild"}}.Load(folder(failed + "---\n" + login + `---
title: c
id: c
correlation: { type: event_count, rules: [failed], timespan: 1m, condition: { gte: 5 } }
---
title: d
correlation: { type: event_count, rules: [c], timespan: 1m, condition: { gte: 5 } }
`))
	if len(r.All()) != 1 || len(problems) != 4 || problems[3].Error() != "(faild): there is no such rule to disable" {
		t.Errorf("%d rules, %v", len(r.All()), problems)
	}
	for _, p := range problems {
		if !p.Warning {
			t.Error(p)
		}
	}
}

// A filter takes out what it describes, in whichever way it is written, and only of its rules.
func TestFilters(t *testing.T) {
	for _, condition := range []string{"s", "not s"} {
		r := loadGood(t, login+"---\n"+failed+`---
title: f
logsource: { product: convosphere }
filter: { rules: [login], s: { source.ip|cidr: 192.0.2.0/24 }, condition: `+condition+` }
`)
		for ip, want := range map[string]int{"192.0.2.1": 1, "198.51.100.1": 2} {
			if got := hits(t, r, `{"event.category":"authentication","event.action":"login","event.outcome":"failure","source.ip":"`+ip+`"}`); len(got) != want {
				t.Errorf("condition %s, %s: %v", condition, ip, got)
			}
		}
	}
	all := loadGood(t, login+"---\n"+failed+"---\ntitle: f\nlogsource: { category: authentication }\nfilter: { rules: any, s: { user.id: robot }, condition: s }\n")
	if got := hits(t, all, `{"event.category":"authentication","event.action":"login","event.outcome":"failure","user.id":"robot"}`); len(got) != 0 {
		t.Error(got)
	}
}

// Sigma's old way to share parts between the documents of a file.
func TestGlobal(t *testing.T) {
	r := loadGood(t, `action: global
title: shared
logsource: { product: convosphere }
detection: { s: { event.action: login }, condition: s and t }
---
id: one
detection: { t: { user.id: a } }
---
action: repeat
id: two
detection: { t: { user.id: b } }
---
action: reset
---
title: alone
id: three
logsource: { product: convosphere }
detection: { s: { user.id: c }, condition: s }
`)
	for user, want := range map[string]string{"a": "one", "b": "two"} {
		if got := hits(t, r, `{"event.action":"login","user.id":"`+user+`"}`); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", user, got)
		}
	}
	if got := hits(t, r, `{"user.id":"c"}`); !slices.Equal(got, []string{"three"}) {
		t.Error(got)
	}
}

// Placeholders stand for lists, and for nothing where they are not asked for.
func TestPlaceholders(t *testing.T) {
	r, problems := Loader{Placeholders: map[string][]string{"admins": {"adm_*", "root"}, "x": {"1", "2"}}}.Load(folder(
		rule("e", "s: { user.id|expand: '%admins%' }\ncondition: s"), rule("two", `s: { user.id|expand|contains: 'a%x%b\%c%x%' }`+"\ncondition: s"), rule("plain", "s: { user.id: '%admins%' }\ncondition: s"),
	))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for user, want := range map[string]string{"adm_eve": "e", "root": "e", "xa1b%c2x": "two", "%admins%": "plain"} {
		if got := hits(t, r, `{"user.id":"`+user+`"}`); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", user, got)
		}
	}
}

// What a rule means has a digest, however its file looks; what counts for a rule goes on where it is the same.
func TestDigest(t *testing.T) {
	one := loadGood(t, rule("x", "s: { user.id: a }\ncondition: s"))
	same := loadGood(t, "# a comment\n"+rule("x", "s:\n    user.id: 'a'\ncondition: s"))
	other := loadGood(t, rule("x", "s: { user.id: b }\ncondition: s"))
	if one.All()[0].Digest != same.All()[0].Digest || one.All()[0].Digest == other.All()[0].Digest {
		t.Error("digests")
	}
	correlated := func(user string) [32]byte {
		return loadGood(t, rule("x", "s: { user.id: "+user+" }\ncondition: s")+"---\ntitle: c\ncorrelation: { type: event_count, rules: [x], timespan: 1m, condition: { gte: 5 } }\n").Correlations()[0].Digest
	}
	first, again := correlated("a"), correlated("a")
	if first != again || first == correlated("b") {
		t.Error("a correlation is another one where its rule is")
	}
}
