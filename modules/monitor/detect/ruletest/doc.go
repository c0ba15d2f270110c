// Package ruletest runs the tests of rules: files <rule file>_test.yaml, which say what events a rule finds something in, and how often.
//
//	defaults: { event.category: authentication, source.ip: 192.0.2.7 } # of every event of the file
//	tests:
//	  - name: ten wrong passwords in a minute
//	    rule: guessing                      # id or name
//	    events:
//	      - { event.action: login, event.outcome: failure } # a second after the one before
//	      - at: 10s                         # since the start
//	        repeat: 10                      # so many of it
//	        every: 5s                       # one from the other; default 1s
//	        event: { event.action: login, event.outcome: failure, gateway.account: "A{n}" }
//	    expect: { exactly: 1 }              # findings; or at_least, at_most, and subject: "client:192.0.2.7"
//
// In texts {n} counts from 1, {n%5} goes round from 0 to 4. Events are put in the order of their times, which begin at `start` (2026-01-05T09:00:00Z, a
// Monday) unless they say @timestamp themselves. Each has an event.id.
package ruletest
