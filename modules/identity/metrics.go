package identity

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/metrics"
)

func registerMetrics(reg prometheus.Registerer) error {
	return metrics.Register(reg, slices.Concat(account.Collectors(), mail.Collectors(), session.Collectors())...)
}
