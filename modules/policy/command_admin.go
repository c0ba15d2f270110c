package policy

import "github.com/convosphere/gateway/modules/internal/host"

// adminFlags say where the admin endpoint of the running gateway is.
type adminFlags struct{ host.Admin }
