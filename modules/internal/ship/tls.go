package ship

import (
	"fmt"

	"github.com/convosphere/gateway/modules/internal/link"
)

// openTLS reads what a link to a receiver stands on. A certificate that has ended is shown all the same: the receiver refuses it and events wait, whereas a
// gateway that does not load for it would stop more than its events.
func openTLS(t link.TLS) (*link.Files, error) {
	t.Ended = true
	return t.Open()
}

// because adds to an error of a connection why the files as they are now are not in force, where that is so: it may be what the receiver minds.
func because(err error, files *link.Files) error {
	if why := files.Err(); why != nil {
		return fmt.Errorf("%w (files before are in force: %w)", err, why)
	}
	return err
}
