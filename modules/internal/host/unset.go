package host

import (
	"fmt"
	"strings"
)

// Unset says of an error of Caddy's placeholders where what is not in the environment could come from: a command runs without that of the gateway's unit.
func Unset(err error) error {
	if err == nil || !strings.Contains(err.Error(), "placeholder {env.") {
		return err
	}
	return fmt.Errorf("%w: set it, or name the file that the gateway's unit has it from: --envfile /etc/convosphere/environment", err)
}
