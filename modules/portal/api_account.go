package portal

import (
	"encoding/base64"
	"fmt"
	"net/http"

	"rsc.io/qr"
)

func (h *Handler) stepUp(c *call) error {
	in, err := c.fields("code")
	if err != nil {
		return err
	}
	if err := need(in, "code"); err != nil {
		return err
	}
	res, err := h.identity.StepUp(c.r.Context(), c.rc.Identity, in["code"], c.attempt())
	if err != nil {
		return err
	}
	return tokens(c, res, back(c.rc.Identity))
}

func (h *Handler) changePassword(c *call) error {
	in, err := c.fields("old", "new")
	if err != nil {
		return err
	}
	if err := need(in, "old", "new"); err != nil {
		return err
	}
	if err := h.identity.ChangePassword(c.r.Context(), c.rc.Identity, in["old"], in["new"]); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) enrolTOTP(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	e, err := h.identity.EnrolTOTP(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	picture, err := qrURL(e.URI)
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"token": e.Token, "secret": e.Secret, "uri": e.URI, "qr": picture})
}

func (h *Handler) confirmTOTP(c *call) error {
	in, err := c.fields("token", "code")
	if err != nil {
		return err
	}
	if err := need(in, "token", "code"); err != nil {
		return err
	}
	res, err := h.identity.ConfirmTOTP(c.r.Context(), c.rc.Identity, in["token"], in["code"])
	if err != nil {
		return err
	}
	return tokens(c, res, back(c.rc.Identity))
}

func (h *Handler) removeTOTP(c *call) error {
	in, err := c.fields("code")
	if err != nil {
		return err
	}
	if err := need(in, "code"); err != nil {
		return err
	}
	if err := h.identity.RemoveTOTP(c.r.Context(), c.rc.Identity, in["code"]); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// qrURL draws text as a QR code: a PNG in a data: URL.
func qrURL(text string) (string, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("drawing the QR code: %w", err)
	}
	code.Scale = 6
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()), nil
}
