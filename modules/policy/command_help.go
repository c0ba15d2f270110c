package policy

import "github.com/convosphere/gateway/modules/internal/host"

func policyHelps() map[string]host.Help {
	files := []host.Words{host.Files()}
	return map[string]host.Help{
		"":      {Example: "convosphere policy check policy/"},
		"new":   {Example: "convosphere policy new policy/", Args: files},
		"check": {Example: "convosphere policy check policy/", Args: files},
		"test":  {Example: "convosphere policy test policy/", Args: files},
		"fmt":   {Example: "convosphere policy fmt --write policy/", Args: files},
		"bench": {Example: "convosphere policy bench input.json", Args: files},
		"explain": {Example: `convosphere policy explain --config Caddyfile --user ursula GET /api/rooms
			convosphere policy explain --config Caddyfile --event REQUEST-ID /var/lib/convosphere/events`, Args: []host.Words{host.Choice("GET", "POST", "PUT", "PATCH", "DELETE").And(host.Files()), host.Files()}},
		"replay": {Example: "convosphere policy replay --policy candidate/", Args: files, Flags: map[string]host.Words{"policy": host.Files()}},
		"log":    {Example: "convosphere policy log /var/lib/convosphere/events", Args: files},
		"build":  {Example: "convosphere policy build -o bundle.tar.gz policy/", Args: files},
		"data":   {Example: "convosphere policy data list"},
		"data get": {
			Long: "Prints the data that the policy sees at a path, or all of it.", Example: "convosphere policy data get role_permissions/user",
		},
		"data put": {
			Long: "Puts a JSON value at a path, in place of what is there: over the policy's own data, for the whole fleet, without a reload.", Example: "convosphere policy data put limits/uploads limits.json", Args: []host.Words{host.Choice(), host.Files()},
		},
		"data patch": {Example: "convosphere policy data patch role_permissions patch.json", Args: []host.Words{host.Choice(), host.Files()}},
		"data rm":    {Long: "Takes what was put at a path away again: the policy's own data are in force.", Example: "convosphere policy data rm limits/uploads"},
		"data list":  {Long: "Lists what stands over the policy's own data, by path.", Example: "convosphere policy data list"},
		"fields":     {Example: "convosphere policy fields --openapi openapi.yaml"},
		"status":     {Long: "Says which policy the running gateway decides by: from where, since when, its revision, and why a newer one was not taken.", Example: "convosphere policy status"},
		"reload":     {Example: "convosphere policy reload"},
	}
}

func grantHelps() map[string]host.Help {
	subject, relation, object := host.Rows("accounts", "name", "roles"), host.Choice("owner", "member").And(host.Rows("grants", "relation", "")), host.Rows("grants", "object", "")
	whole := []host.Words{subject, relation, object}
	flags := map[string]host.Words{"subject": subject, "relation": relation, "object": object}
	return map[string]host.Help{
		"": {Example: "convosphere grant list --object room:general"},
		"add": {Example: `convosphere grant add ursula owner room:general
			convosphere grant add petra member room:general --for 8h`, Args: whole},
		"rm": {Example: `convosphere grant rm petra member room:general
			convosphere grant rm --subject petra`, Args: whole, Flags: flags},
		"list":   {Long: "Lists grants, all or those that fit.", Example: "convosphere grant list --subject ursula --json", Flags: flags},
		"check":  {Example: "convosphere grant check ursula room:general owner", Args: []host.Words{subject, object, relation}},
		"import": {Example: "convosphere grant import grants.jsonl", Args: []host.Words{host.Files()}},
	}
}
