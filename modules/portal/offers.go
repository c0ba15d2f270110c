package portal

// Offers is what the configuration has on. Pages of what is off are not offered.
type Offers struct {
	Passkeys  bool
	Mail      bool // an account may have a mail address, which stands for its name at the login
	Reset     bool // of passwords, by mail
	Register  bool // whoever likes may ask for an account
	Remember  bool // of sessions: "keep me signed in"
	Providers []Provider
}

// Provider is an outside one that people may sign in with.
type Provider struct{ ID, Name string }

func (h *Handler) offers() Offers {
	return Offers{Passkeys: true, Remember: true}
}
