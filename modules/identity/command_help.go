package identity

import "github.com/convosphere/gateway/modules/internal/host"

// roles are those of the shipped policy, and those that somebody has.
func roles() host.Words {
	return host.Choice("user", "premium", "moderator", "admin").And(host.Rows("accounts", "roles", ""))
}

func userHelps() map[string]host.Help {
	name := host.Rows("accounts", "name", "roles")
	names := []host.Words{name}
	return map[string]host.Help{
		"": {Example: "convosphere user list"},
		"add": {
			Long: `Adds an account. The password is asked for, or is the first line of standard input; with --generate one is made and printed. With --totp the second factor is on
from the beginning, and its secret is printed.`,
			Example: `convosphere user add ursula --role user --generate
				convosphere user add ada --role admin --generate --totp`, Flags: map[string]host.Words{"role": roles()},
		},
		"passwd": {Long: "Sets another password, which is asked for, or is the first line of standard input. All sessions of the account end.", Example: `convosphere user passwd ursula
			convosphere user passwd ursula --generate`, Args: names},
		"totp": {Long: "Switches the second factor on and prints its secret, in place of the one there is; with --remove off, for who has lost it.", Example: `convosphere user totp ada
			convosphere user totp ada --remove`, Args: names},
		"list": {Long: "Lists the accounts, all or those that are searched for: names, roles, states, second factors.", Example: `convosphere user list --role admin
			convosphere user list --state approval --json`, Flags: map[string]host.Words{"role": roles(), "state": host.Choice("active", "disabled", "approval")}},
		"show": {Long: "Shows an account: roles, state, second factors, sessions. Events name people by their ids alone; this says whose an id is.", Example: `convosphere user show ursula
			convosphere user show LNZM45AQDYB4BVOSVDDN3SCG7O`, Args: []host.Words{name.And(host.Rows("accounts", "id", "name"))}},
		"export": {Long: "Prints everything that is kept of a person, as JSON: for who asks what is known of them. No secret is in it.", Example: "convosphere user export ursula >ursula.json", Args: names},
		"erase": {
			Long:    "Erases a person for good: the account, its sessions, factors, tokens and grants. The name stays reserved, and events hold an id that tells of nobody. It asks first.",
			Example: "convosphere user erase ursula", Args: names,
		},
		"invite": {Long: "Mails an invitation to register or, without an address, prints one to pass on. It works once.", Example: `convosphere user invite ursula@example.com --role premium
			convosphere user invite --life 24h`, Flags: map[string]host.Words{"role": roles()}},
		"role":  {Long: "Gives the account this role in place of those it has. Its sessions end: the next sign-in has the new role.", Example: "convosphere user role ursula moderator", Args: []host.Words{name, roles()}},
		"email": {Long: "Changes the mail address of the account, or takes it away where ADDRESS is empty. You vouch that it is theirs.", Example: "convosphere user email ursula ursula@example.com", Args: []host.Words{name, host.Choice()}},
		"disable": {
			Long: "Shuts the account: its sessions end within a second, open sockets too, and nobody signs in to it until it is enabled again.", Example: "convosphere user disable ursula", Args: names,
		},
		"enable":        {Long: "Opens an account again that was disabled.", Example: "convosphere user enable ursula", Args: names},
		"approve":       {Long: "Opens an account that somebody registered, and that waits for approval.", Example: "convosphere user approve ursula", Args: names},
		"unlock":        {Long: "Forgets the wrong codes that keep an account from its second step, before the wait for them is over.", Example: "convosphere user unlock ursula", Args: names},
		"reset-factors": {Long: "Removes all second factors and recovery codes, for who has lost them. Make sure first that it is they who ask.", Example: "convosphere user reset-factors ursula", Args: names},
		"end-sessions":  {Long: "Ends all sessions of the account within a second, open sockets too. The account stays.", Example: "convosphere user end-sessions ursula", Args: names},
	}
}

func serviceHelps() map[string]host.Help {
	return map[string]host.Help{
		"": {Example: "convosphere service list"},
		"add": {
			Long: `Adds a service: a program with an account. It proves itself with a key pair, of which the gateway knows the public half: give its JWK with --key, or have a pair
made and the private half printed once (--generate). Its tokens may be for the permissions that --scope names, and no more than its role may.`,
			Example: "convosphere service add exporter --generate --scope room:read --scope message:read", Flags: map[string]host.Words{"role": roles(), "key": host.Files()},
		},
		"key":        {Long: "Adds a key beside the others, so that a program can change over without a gap, or takes one away.", Example: "convosphere service key add exporter --generate"},
		"key add":    {Long: "Adds a key beside the others: the JWK of --key, or a new pair whose private half is printed once.", Example: "convosphere service key add exporter --key exporter.jwk", Flags: map[string]host.Words{"key": host.Files()}},
		"key remove": {Long: "Takes a key away and ends the service's tokens. \"service list\" names the keys.", Example: "convosphere service key remove exporter KID"},
		"scopes":     {Long: "Replaces what the service's tokens may be for, and ends those it has.", Example: "convosphere service scopes exporter room:read message:read"},
		"remove":     {Long: "Removes the service, its keys and its tokens.", Example: "convosphere service remove exporter"},
		"list":       {Long: "Lists the services with their roles, scopes and the ids of their keys.", Example: "convosphere service list --json"},
	}
}
