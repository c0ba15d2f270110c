package upload

import "github.com/convosphere/gateway/modules/internal/host"

func quarantineHelps() map[string]host.Help {
	id := host.Listed("/gateway/quarantine", "files", "id", "type")
	ids := []host.Words{id, host.Choice()}
	return map[string]host.Help{
		"":         {Example: "convosphere quarantine list"},
		"list":     {Long: "Lists what is kept of refused uploads, the newest first: when, who, what it was, why it was refused.", Example: "convosphere quarantine list --limit 20"},
		"show":     {Long: "Shows all that is known of a file, as JSON.", Example: "convosphere quarantine show ID", Args: ids},
		"export":   {Example: "convosphere quarantine export ID suspect.bin", Args: []host.Words{id, host.Files()}},
		"release":  {Long: "Allows uploads of the same content from now on, by its SHA-256. The one that was refused has to be sent again.", Example: "convosphere quarantine release ID", Args: ids},
		"released": {Long: "Lists the SHA-256 of what was released, as JSON.", Example: "convosphere quarantine released"},
		"revoke":   {Long: "Allows what was released no longer.", Example: "convosphere quarantine revoke SHA256"},
		"delete":   {Long: "Deletes a file; a release of it stays.", Example: "convosphere quarantine delete ID", Args: ids},
	}
}
