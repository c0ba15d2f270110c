package portal

import (
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// offering is what gw_portal asks of the app gw_identity about what its configuration has on.
type offering interface {
	RemembersSessions() bool
	TrustsDevices() bool
	HasTokens() bool
	LoginProviders() []federation.Offer
	ShortestPassword() int
}

// Offers is what the configuration has on. Pages of what is off are not offered.
type Offers struct {
	Passkeys       bool
	RememberMe     bool               // people may stay signed in
	RememberDevice bool               // and leave out the second factor on a device of theirs
	Tokens         bool               // of people's own programs
	Mail           bool               // an account may have a mail address, which stands for its name at the login
	Reset          bool               // of passwords, by mail
	Expire         bool               // passwords do, and another one is set at the login
	Registration   string             // who may register: off, open, invitation or approval
	Providers      []federation.Offer // outside ones that people may sign in with
	Reports        bool               // people may tell what they saw

	ShortestPassword int // in characters
}

// Register tells whether whoever likes may ask for an account.
func (o Offers) Register() bool { return o.Registration == "open" || o.Registration == "approval" }

// Invitations tells whether who was invited may.
func (o Offers) Invitations() bool { return o.Registration == "invitation" || o.Register() }

// ReportKind is what can be reported.
type ReportKind struct{ Name, Text string } // Text is the message that says it

var reportTexts = map[string]string{
	"account": "account.report_account", "message": "account.report_message", "file": "account.report_file",
	"person": "account.report_person", "data": "account.report_data", "other": "account.report_other",
}

// Kinds are all that can be.
func (o Offers) Kinds() (all []ReportKind) {
	for _, name := range incident.ToldKinds() {
		all = append(all, ReportKind{name, reportTexts[name]})
	}
	return all
}

func (h *Handler) offers() Offers {
	return Offers{
		Passkeys: true, RememberMe: h.identity.RemembersSessions(), RememberDevice: h.identity.TrustsDevices(), Tokens: h.identity.HasTokens(),
		Mail: h.identity.HasMail(), Reset: h.identity.HasMail(), Expire: h.identity.PasswordsExpire(), Registration: h.identity.RegistrationMode(),
		Providers: h.identity.LoginProviders(), Reports: h.reports.TakesReports(), ShortestPassword: h.identity.ShortestPassword(),
	}
}
