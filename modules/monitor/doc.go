// Package monitor is the app gw_monitor: it watches the gateway's events. What rules, correlations and anomalies see in them (findings) it tells in
// events, keeps as incidents, answers by measures and tells to people.
//
// The gateway app loads it last. It stands beside the path of requests: where it falls behind, events go unseen by it, which is counted and said; no
// request waits for it. Fails open, since what it does comes after the fact; what must be refused is refused by the handlers.
package monitor
