// Package mail writes to people: texts in their language, an outbox in the database, and the SMTP client that empties it.
//
// What is to be mailed is put into the outbox in the transaction that it tells of, and sent from there by whichever gateway comes first: a mail
// server that is slow or away keeps no request waiting, and what was acknowledged is not lost. A mail may arrive twice when a gateway
// stops at the wrong moment; both copies carry one Message-ID.
package mail
