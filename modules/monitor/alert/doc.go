// Package alert tells people of incidents: by webhook, Slack and what is like it, mail and syslog.
//
// A Desk is told of incidents. What a channel has to say waits in the database, grouped, until its time has come, and is sent by whichever gateway of a fleet
// comes first. It is sent at least once; the alert's id tells doubles. What fails is tried again, and is kept as dead when it is given up. Where
// nobody acknowledges an incident, the next channels are told.
//
// What clients chose stands in texts only as letters, digits and a few signs, so that it is no markup, no link and no mention wherever it is shown.
package alert
