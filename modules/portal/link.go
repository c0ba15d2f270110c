package portal

import (
	"fmt"
	"net/url"
	"strings"
)

// check refuses what a browser would run, or send in the clear.
func (l Link) check() error {
	if l.Text == "" {
		return fmt.Errorf("link: %q has no text", l.Address)
	}
	if safeReturn(l.Address, "") != "" {
		return nil
	}
	u, err := url.Parse(l.Address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(l.Address, " \t\r\n\\") {
		return fmt.Errorf("link: %q is neither a path of this site nor an https: address", l.Address)
	}
	return nil
}
