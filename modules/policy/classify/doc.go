// Package classify is the table of what the fields of requests, answers and socket messages are: public, internal, confidential, restricted, or of another
// class that the policy's data describe. The table is policy data (`data.fields`), so that one source tells it to whoever masks, encrypts, decides and
// writes events; it changes with the policy.
package classify
