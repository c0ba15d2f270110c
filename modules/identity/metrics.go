package identity

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
)

func registerMetrics(to prometheus.Registerer) error {
	for _, c := range slices.Concat(account.Collectors(), session.Collectors()) {
		var already prometheus.AlreadyRegisteredError
		if err := to.Register(c); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("gw_identity: registering metrics: %w", err)
		}
	}
	return nil
}
