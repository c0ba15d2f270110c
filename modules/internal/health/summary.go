package health

import "context"

// Summary is the whole answer to a probe.
type Summary struct {
	Ready  bool     `json:"ready"`
	Status string   `json:"status"` // "ready", "degraded", "not ready", "shutting down"
	Parts  []Report `json:"parts,omitempty"`
}

// Summarize asks all parts. A gateway that shuts down is not ready, whatever they say.
func (s *Set) Summarize(ctx context.Context, required []string, shuttingDown bool) Summary {
	parts := s.All(ctx)
	switch ready := Ready(parts, required); {
	case shuttingDown:
		return Summary{Status: "shutting down", Parts: parts}
	case !ready:
		return Summary{Status: "not ready", Parts: parts}
	case Worst(parts) != OK:
		return Summary{Ready: true, Status: "degraded", Parts: parts}
	}
	return Summary{Ready: true, Status: "ready", Parts: parts}
}
