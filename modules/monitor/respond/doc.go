// Package respond does something about findings: it bans, challenges, throttles, ends sessions, locks accounts, asks for second factors, closes sockets, has
// the WAF look harder and calls a webhook, as the rule of a finding hints and the operator allows, or because an operator says so.
//
// What a machine may do has limits that no rule and no configuration lifts: the operator's own addresses, trusted proxies and this machine are never
// touched, the last administrator is never locked out, and an anomaly alone bans, locks and ends nothing. Beyond so many subjects an hour it waits for a
// person. Everything done is a row in the database and an event, with how to undo it.
package respond
