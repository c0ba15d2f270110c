package ratelimit

import "slices"

// InForce is every zone, the default ones among them, and what else applies by default.
func (h *Handler) InForce() map[string]any {
	told := map[string]any{"zones": slices.Concat(h.requests, h.messages), "client_prefix": h.prefix}
	if h.Shed == nil {
		s := new(Shed)
		s.defaults()
		told["shed"] = s
	}
	if h.Challenge == nil {
		c := new(Challenge)
		c.defaults()
		told["challenge"] = c
	}
	return told
}
