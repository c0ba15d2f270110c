// Package validate is gw_validate: is it well formed? What clients send must be what the service's OpenAPI document describes: path, method, parameters, media
// type, and every member of the JSON. Answers and socket messages are held to it, too. Without a document, JSON must at least be what every reader reads
// alike: no member twice, nothing that is not UTF-8, no number that a double can't hold, not nested without end.
//
// It stands inside gw_authorize, so that strangers learn nothing of the schema, and outside gw_upload and gw_protect, so that it sees plain text.
//
// It fails closed: what can't be read, or takes too long to check, is refused, and so is what finds no room in memory (503). In the mode report nothing is
// refused; what would be stands in the request's event. What is neither JSON nor described passes unread.
//
// Metrics: gateway_validate_requests_total, gateway_validate_faults_total, gateway_validate_responses_total, gateway_validate_messages_total.
package validate
