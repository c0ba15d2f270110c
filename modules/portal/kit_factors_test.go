package portal

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) TOTP(_ context.Context, mfa, code string, a session.Attempt) (session.Result, error) {
	p.attempt = a
	return p.result("totp " + mfa + " " + code)
}

func (p *people) Recovery(_ context.Context, mfa, code string, _ session.Attempt) (session.Result, error) {
	return p.result("recovery " + mfa + " " + code)
}

func (p *people) begin(call string, a session.Attempt) (any, error) {
	p.asked = append(p.asked, call+" "+a.Host)
	return map[string]any{"publicKey": map[string]any{"challenge": "C"}}, p.err
}

func (p *people) BeginKey(_ context.Context, mfa string, a session.Attempt) (any, error) {
	return p.begin("begin-key "+mfa, a)
}

func (p *people) Key(_ context.Context, mfa string, answer []byte, _ session.Attempt) (session.Result, error) {
	return p.result("key " + mfa + " " + string(answer))
}

func (p *people) BeginPasskey(_ context.Context, a session.Attempt) (string, any, error) {
	o, err := p.begin("begin-passkey", a)
	return "P", o, err
}

func (p *people) Passkey(_ context.Context, token string, answer []byte, _ session.Attempt) (session.Result, error) {
	return p.result("passkey " + token + " " + string(answer))
}

var offered = session.Enrolment{Token: "T", Secret: "JBSWY3DPEHPK3PXP", URI: "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}

func (p *people) EnrolTOTPAtLogin(_ context.Context, mfa string) (session.Enrolment, error) {
	p.asked = append(p.asked, "enrol "+mfa)
	return offered, p.err
}

func (p *people) ConfirmTOTPAtLogin(_ context.Context, mfa, token, code, name string, _ session.Attempt) (session.Result, error) {
	return p.result("confirm " + mfa + " " + token + " " + code + " " + name)
}

func (p *people) BeginAddKeyAtLogin(_ context.Context, mfa string, a session.Attempt) (any, error) {
	return p.begin("begin-add-key "+mfa, a)
}

func (p *people) AddKeyAtLogin(_ context.Context, mfa string, answer []byte, name string, _ session.Attempt) (session.Result, error) {
	return p.result("add-key " + mfa + " " + string(answer) + " " + name)
}

func (p *people) StepUp(_ context.Context, _ *reqctx.Identity, code string, _ session.Attempt) (session.Result, error) {
	return p.result("stepup " + code)
}

func (p *people) StepUpRecovery(_ context.Context, _ *reqctx.Identity, code string, _ session.Attempt) (session.Result, error) {
	return p.result("stepup-recovery " + code)
}

func (p *people) StepUpPassword(_ context.Context, _ *reqctx.Identity, password string, _ session.Attempt) (session.Result, error) {
	return p.result("stepup-password " + password)
}

func (p *people) BeginStepUpKey(_ context.Context, _ *reqctx.Identity, a session.Attempt) (any, error) {
	return p.begin("begin-stepup-key", a)
}

func (p *people) StepUpKey(_ context.Context, _ *reqctx.Identity, answer []byte, _ session.Attempt) (session.Result, error) {
	return p.result("stepup-key " + string(answer))
}

func (p *people) EnrolTOTP(context.Context, *reqctx.Identity) (session.Enrolment, error) {
	p.asked = append(p.asked, "enrol")
	return offered, p.err
}

func (p *people) ConfirmTOTP(_ context.Context, _ *reqctx.Identity, token, code, name string, _ session.Attempt) (session.Result, error) {
	return p.result("confirm " + token + " " + code + " " + name)
}

func (p *people) RemoveTOTP(_ context.Context, _ *reqctx.Identity, code string) error {
	p.asked = append(p.asked, "remove "+code)
	return p.err
}

func (p *people) BeginAddKey(_ context.Context, _ *reqctx.Identity, a session.Attempt) (any, error) {
	return p.begin("begin-add-key", a)
}

func (p *people) AddKey(_ context.Context, _ *reqctx.Identity, answer []byte, name string, _ session.Attempt) (session.Result, error) {
	return p.result("add-key " + string(answer) + " " + name)
}

func (p *people) ListFactors(context.Context, *reqctx.Identity) ([]factor.Factor, int, error) {
	return []factor.Factor{
		{ID: "F", Kind: factor.WebAuthn, Name: "Blue key", CreatedAt: time.Unix(1700000000, 0), UsedAt: time.Unix(1700000060, 0), BackedUp: true},
		{ID: "G", Kind: factor.TOTP, CreatedAt: time.Unix(1700000000, 0)},
	}, 7, p.err
}

func (p *people) RenameFactor(_ context.Context, _ *reqctx.Identity, of, name string) error {
	p.asked = append(p.asked, "rename "+of+" "+name)
	return p.err
}

func (p *people) RemoveFactor(_ context.Context, _ *reqctx.Identity, of string) error {
	p.asked = append(p.asked, "remove-factor "+of)
	return p.err
}

func (p *people) RenewRecoveryCodes(context.Context, *reqctx.Identity) ([]string, error) {
	p.asked = append(p.asked, "recovery-codes")
	return []string{"aaaa-bbbb-cccc-dddd"}, p.err
}
