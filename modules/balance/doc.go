// Package balance is gw_balance, a selection policy of Caddy's reverse_proxy: it chooses which of several back ends a request goes to, by the fewest requests or,
// where `sticky` is set, always the same for the same user, session or client; and gives back ends that came (back) up their load little by little.
//
// It adds what reverse_proxy lacks, and takes the rest as it is there: active and passive health checks say which back ends are available, retries ask the
// policy again, which then chooses one that the request was not sent to. Where no back end is available reverse_proxy answers 503 (fail closed). A request
// whose identity is not known goes to the back end with the fewest requests.
//
// Metrics: gateway_balance_choices_total and gateway_balance_weight.
package balance
