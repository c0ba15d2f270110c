package portal

import (
	"net/http"
)

func (h *Handler) changePassword(c *call) error {
	in, err := c.fields("old", "new")
	if err != nil {
		return err
	}
	if err := need(in, "new"); err != nil { // who has no password yet has no old one
		return err
	}
	if err := h.identity.ChangePassword(c.r.Context(), c.rc.Identity, in["old"], in["new"]); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
