// Package standard is every module of the gateway: the single import that a custom Caddy build needs.
package standard

import (
	_ "github.com/convosphere/gateway/modules/audit"
	_ "github.com/convosphere/gateway/modules/authenticate"
	_ "github.com/convosphere/gateway/modules/authorize"
	_ "github.com/convosphere/gateway/modules/balance"
	_ "github.com/convosphere/gateway/modules/client"
	_ "github.com/convosphere/gateway/modules/console"
	_ "github.com/convosphere/gateway/modules/demo"
	_ "github.com/convosphere/gateway/modules/directive"
	_ "github.com/convosphere/gateway/modules/gateway"
	_ "github.com/convosphere/gateway/modules/health"
	_ "github.com/convosphere/gateway/modules/identity"
	_ "github.com/convosphere/gateway/modules/monitor"
	_ "github.com/convosphere/gateway/modules/policy"
	_ "github.com/convosphere/gateway/modules/portal"
	_ "github.com/convosphere/gateway/modules/protect"
	_ "github.com/convosphere/gateway/modules/ratelimit"
	_ "github.com/convosphere/gateway/modules/rawhead"
	_ "github.com/convosphere/gateway/modules/secure"
	_ "github.com/convosphere/gateway/modules/upload"
	_ "github.com/convosphere/gateway/modules/validate"
	_ "github.com/convosphere/gateway/modules/waf"
)
