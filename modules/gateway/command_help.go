package gateway

import (
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

// What the commands of the app say beyond their lines: examples, and what shells complete.

// described makes a command and gives it its help.
func described(make func(*cobra.Command), helps func() map[string]host.Help) func(*cobra.Command) {
	return func(cmd *cobra.Command) {
		make(cmd)
		host.Describe(cmd, helps())
	}
}

func banHelps() map[string]host.Help {
	prefixes := host.Rows("bans", "prefix", "reason")
	sources := host.Choice("operator", "abuse", "monitor").And(host.Rows("bans", "source", ""))
	return map[string]host.Help{
		"": {Example: "convosphere ban list"},
		"add": {
			Long: "Bans an address or a prefix, for good or for a while: in the whole fleet within a second, for open sockets too. What is on the allowlist can't be banned.",
			Example: `convosphere ban add 192.0.2.7 --for 1h --reason "tries passwords"
				convosphere ban add 2001:db8::/64`,
		},
		"rm": {Example: `convosphere ban rm 192.0.2.7
			convosphere ban rm --source import:drop`, Args: []host.Words{prefixes}, Flags: map[string]host.Words{"source": sources}},
		"list":   {Example: "convosphere ban list --source operator", Flags: map[string]host.Words{"source": sources}},
		"check":  {Example: "convosphere ban check 192.0.2.7 --json"},
		"import": {Example: "curl -sf https://lists.example/drop.txt | convosphere ban import - --source drop --replace --for 2d", Args: []host.Words{host.Files()}, Flags: map[string]host.Words{"format": host.Choice("plain", "json", "crowdsec", "fail2ban")}},
		"export": {Example: "convosphere ban export --format crowdsec", Flags: map[string]host.Words{"format": host.Choice("plain", "json", "crowdsec"), "source": sources}},
	}
}

func abuseHelps() map[string]host.Help {
	who := host.Rows("challenges", "client", "level").And(host.Rows("challenges", "user", "level"))
	return map[string]host.Help{
		"": {Example: "convosphere abuse status"},
		"status": {Example: `convosphere abuse status
			convosphere abuse status 192.0.2.7`, Args: []host.Words{who}},
		"forgive": {Example: "convosphere abuse forgive 192.0.2.7", Args: []host.Words{who}},
	}
}

func eventsHelps() map[string]host.Help {
	levels := host.Choice("informational", "low", "medium", "high", "critical")
	flags := map[string]host.Words{"level": levels, "outcome": host.Choice("success", "failure", "unknown"), "user": host.Rows("accounts", "id", "name")}
	return map[string]host.Help{
		"": {Example: "convosphere events tail"},
		"query": {Example: `convosphere events query --action login --outcome failure --since -1h
			convosphere events query --json --user USER-ID /var/lib/convosphere/events`, Args: []host.Words{host.Files()}, Flags: flags},
		"tail": {Example: "convosphere events tail --level medium", Flags: flags},
		"open": {Example: "convosphere events open --config /etc/convosphere/Caddyfile /var/lib/convosphere/events/events.jsonl", Args: []host.Words{host.Files()}},
	}
}

func keysHelps() map[string]host.Help {
	sets := []host.Words{host.Rows("keys", "name", "state")}
	return map[string]host.Help{
		"": {Example: "convosphere keys list"},
		"list": {
			Long: "Lists the signing keys of the key folder or, with --sets, the sets of data keys of the running gateway. Keys themselves are never shown.",
			Example: `convosphere keys list --config /etc/convosphere/Caddyfile
				convosphere keys list --sets --prefix room/`,
		},
		"rotate": {
			Long: `Without SET, replaces the signing key: the new one is published at once and signs ten minutes later, and nobody is signed out. With --withdraw it stands in for
all others at once, for when one may be in wrong hands. With SET, adds a version to that set of data keys: the newest encrypts, all decrypt.`,
			Example: `convosphere keys rotate --data /var/lib/convosphere
				convosphere keys rotate --withdraw --data /var/lib/convosphere
				convosphere keys rotate room/general`, Args: sets,
		},
		"new": {
			Long:    "Makes a set of data keys under a name. Traffic makes sets by itself where it needs one; this is for a name whose set was destroyed.",
			Example: "convosphere keys new room/general",
		},
		"disable": {Long: "Keeps a set of data keys from being used: neither encrypts nor decrypts, in the whole fleet within a second, until it is enabled again.", Example: "convosphere keys disable room/general", Args: sets},
		"enable":  {Long: "Takes disable back.", Example: "convosphere keys enable room/general", Args: sets},
		"destroy": {Example: "convosphere keys destroy room/general", Args: sets},
		"rewrap": {Example: `convosphere keys rewrap --background
			convosphere keys rewrap --status`},
		"export": {
			Long:    "Prints a set of data keys as its master key has wrapped it, for escrow: without the master key it is worth nothing. Keys leave the gateway in no other form.",
			Example: "convosphere keys export --wrapped room/general", Args: sets,
		},
	}
}

func backupHelps() map[string]host.Help {
	return map[string]host.Help{"": {
		Example: `convosphere backup --new-key /etc/convosphere/backup.key
			convosphere backup --config /etc/convosphere/Caddyfile --key-file /etc/convosphere/backup.key /var/backups/gateway.backup`,
		Args: []host.Words{host.Files()}, Flags: map[string]host.Words{"key-file": host.Files(), "new-key": host.Files()},
	}}
}

func restoreHelps() map[string]host.Help {
	return map[string]host.Help{"": {
		Example: `convosphere restore --verify --key-file /etc/convosphere/backup.key /var/backups/gateway.backup
			convosphere restore --config /etc/convosphere/Caddyfile --key-file /etc/convosphere/backup.key --replace /var/backups/gateway.backup`,
		Args: []host.Words{host.Files()}, Flags: map[string]host.Words{"key-file": host.Files()},
	}}
}
