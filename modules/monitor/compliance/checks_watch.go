package compliance

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// recordChecks are of what is recorded.
var recordChecks = []Check{
	{"security-events", "Every request leaves a security event", "Put gw_audit before everything else (gw_secure has it).", lookEvents},
	{"audit-log", "Events are kept in a log that can't be altered unseen", "Take `log off` out of events.", lookAuditLog},
	{"audit-retention", "The audit log reaches back 90 days or more", "In gateway: events { log { keep 90d } }", lookAuditKeep},
	{"audit-complete", "No event is missing from the audit log", "See why the disk could not take events: `convosphere audit verify`, and the metric gateway_audit_lost_total.", lookAuditComplete},
	{"events-offsite", "Events are also sent to another machine", "In gateway: events { output siem webhook https://… } (or syslog tls://…, otlp)", lookOffsite},
	{"events-transport", "Events that are sent are encrypted on the way", "Send them by https://, tls:// or rediss://", lookTransport},
}

// watchChecks are of what is looked for, and done about it.
var watchChecks = []Check{
	{"detection", "Rules look for attacks in events", "Leave `monitor` on, with its rules.", lookDetection},
	{"anomalies", "What is unlike what is usual is looked for, too", "Leave `anomaly` of monitor on.", lookAnomaly},
	{"incidents", "What is found becomes an incident that people work on", "Leave `incidents` of monitor on.", lookIncidents},
	{"incidents-worked", "Grave incidents are taken up within a day", "Triage the open ones of level high and above: `convosphere incident list`.", lookWaiting},
	{"alerts", "People are told of incidents", "In monitor: alerts { … } with a channel.", lookAlerts},
	{"alerts-delivered", "Alerts arrive", "See `convosphere alert list`, and mend the channel.", lookDelivered},
	{"response", "Something is done about findings by itself, or proposed", "Leave `respond` of monitor at mild or above.", lookRespond},
}

func lookEvents(f *Facts) Outcome {
	return each(f.content(), "no site answers", func(p place) Outcome {
		guards, bare := p.guards("gw_audit", "reverse_proxy", "file_server", "gw_portal", "gw_console")
		if len(guards) == 0 || bare {
			return notMet("requests can pass without an event")
		}
		return met("gw_audit stands before what answers")
	})
}

// auditLog looks at the settings of the log.
func auditLog(f *Facts, look func(inforce.Tree) Outcome) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		if inforce.Get(t, "events.log") == nil || inforce.True(t, "events.log.off") {
			return notMet("none is kept")
		}
		return look(t)
	})
}

func lookAuditLog(f *Facts) Outcome {
	return auditLog(f, func(t inforce.Tree) Outcome {
		return met("a signed Merkle tree, with a checkpoint every %s", inforce.Age(t, "events.log.checkpoint"))
	})
}

func lookAuditKeep(f *Facts) Outcome {
	return auditLog(f, func(t inforce.Tree) Outcome {
		if keep := inforce.Age(t, "events.log.keep"); keep < 90*day {
			return notMet("events are kept for %d days", keep/day)
		}
		return met("events are kept for %d days, %.0f GiB at most", inforce.Age(t, "events.log.keep")/day, inforce.Number(t, "events.log.max_size")/(1<<30))
	})
}

func lookAuditComplete(f *Facts) Outcome {
	return auditLog(f, func(inforce.Tree) Outcome {
		switch a := f.Audit; {
		case a == nil:
			return unknown("the log can't be read")
		case a.Lost > 0:
			return notMet("%d events are missing since the gateway started", a.Lost)
		case a.Failing:
			return notMet("the disk refuses events: they wait in memory")
		}
		return met("%d events, none lost since the gateway started", f.Audit.Events)
	})
}

// outputs are those that leave the machine, "name kind" and where they go.
func outputs(t inforce.Tree) map[string]string {
	all := map[string]string{}
	named, _ := inforce.Get(t, "events.outputs").(inforce.Tree)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		to := inforce.Text(named[name], "to")
		if kind := inforce.Text(named[name], "kind"); kind != "file" {
			if kind == "redis_stream" && to == "" {
				to = inforce.Text(t, "store")
			}
			all[name] = to
		}
	}
	return all
}

func lookOffsite(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		all := outputs(t)
		if len(all) == 0 {
			return notMet("they are on this machine alone")
		}
		return met("to %s", comma(slices.Sorted(maps.Keys(all))))
	})
}

func lookTransport(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		var all []Outcome
		named := outputs(t)
		for _, name := range slices.Sorted(maps.Keys(named)) {
			u, err := url.Parse(named[name])
			switch {
			case err == nil && (strings.HasSuffix(u.Scheme, "s") || strings.HasSuffix(u.Scheme, "+tls")) && u.Scheme != "redis":
				all = append(all, met("%s: %s", name, u.Scheme))
			case err == nil && near(u.Host):
				all = append(all, met("%s: on this machine", name))
			case named[name] == "memory":
				all = append(all, met("%s: in memory", name))
			default:
				all = append(all, notMet("%s: not encrypted", name))
			}
		}
		return gather(all, "they are sent nowhere")
	})
}

// monitor looks at the settings of what watches.
func monitor(f *Facts, look func(inforce.Tree) Outcome) Outcome {
	return from(f, "gw_monitor", func(t inforce.Tree) Outcome {
		if inforce.True(t, "off") {
			return notMet("nothing is watched")
		}
		return look(t)
	})
}

func lookDetection(f *Facts) Outcome {
	return monitor(f, func(inforce.Tree) Outcome {
		switch {
		case f.Rules == nil:
			return unknown("how many rules are in force can't be told")
		case *f.Rules == 0:
			return notMet("no rule is in force")
		}
		return met("%d rules are in force", *f.Rules)
	})
}

func lookAnomaly(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		if inforce.True(t, "anomaly.off") {
			return notMet("it is off")
		}
		return met("it is on")
	})
}

func lookIncidents(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		if inforce.True(t, "incidents.off") {
			return notMet("none are kept")
		}
		return met("from level %s on, kept for %d days", inforce.Text(t, "incidents.least"), inforce.Age(t, "incidents.keep")/day)
	})
}

func lookWaiting(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		switch i := f.Incidents; {
		case inforce.True(t, "incidents.off"):
			return notMet("none are kept")
		case i == nil:
			return unknown("incidents can't be read")
		case i.Waiting > 0:
			return notMet("%d incidents of level high or critical wait for longer", i.Waiting)
		}
		return met("none of level high or critical waits for longer")
	})
}

func lookAlerts(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		channels := list(t, "alerts.channels")
		if len(channels) == 0 {
			return notMet("nobody is told")
		}
		var all []string
		for _, c := range channels {
			all = append(all, fmt.Sprintf("%s (%s)", inforce.Text(c, "name"), inforce.Text(c, "kind")))
		}
		return met("by %s", comma(all))
	})
}

func lookDelivered(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		switch {
		case len(list(t, "alerts.channels")) == 0:
			return notApplicable("nobody is told")
		case f.Incidents == nil:
			return unknown("alerts can't be read")
		case f.Incidents.DeadAlerts > 0:
			return notMet("%d were given up in 30 days", f.Incidents.DeadAlerts)
		}
		return met("none was given up in 30 days")
	})
}

func lookRespond(f *Facts) Outcome {
	return monitor(f, func(t inforce.Tree) Outcome {
		if mode := inforce.Text(t, "respond.mode"); mode == "off" || mode == "" {
			return notMet("nothing is done")
		}
		return met("mode %s, %.0f subjects in an hour at most", inforce.Text(t, "respond.mode"), inforce.Number(t, "respond.most"))
	})
}
