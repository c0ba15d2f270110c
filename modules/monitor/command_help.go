package monitor

import "github.com/convosphere/gateway/modules/internal/host"

func alertHelps() map[string]host.Help {
	ids := []host.Words{host.Listed("/gateway/alerts", "alerts", "id", "state")}
	return map[string]host.Help{
		"":      {Example: "convosphere alert test"},
		"list":  {Long: "Lists alerts, the newest first: to which channel, about which incident, and whether it got there.", Example: "convosphere alert list --state dead", Flags: map[string]host.Words{"state": host.Choice("waiting", "sent", "dead")}},
		"retry": {Long: "Sends alerts once more that wait or are dead: the receiver answers again.", Example: "convosphere alert retry ID", Args: ids},
		"drop":  {Long: "Deletes alerts that wait or are dead.", Example: "convosphere alert drop ID", Args: ids},
		"test":  {Long: "Sends a test to a channel, or to all of them, and says what came of it.", Example: "convosphere alert test"},
	}
}

func detectHelps() map[string]host.Help {
	files := []host.Words{host.Files()}
	return map[string]host.Help{
		"":       {Example: "convosphere detect list"},
		"check":  {Example: "convosphere detect check rules/", Args: files},
		"list":   {Example: "convosphere detect list", Args: files},
		"test":   {Example: "convosphere detect test rules/", Args: files},
		"replay": {Example: "convosphere detect replay --rules rules/ /var/lib/convosphere/events", Args: files, Flags: map[string]host.Words{"rules": host.Files(), "expect": host.Files()}},
	}
}

func incidentHelps() map[string]host.Help {
	id := host.Rows("incidents", "id", "title")
	ids := []host.Words{id, host.Choice()} // nothing after the first
	verdicts := host.Choice("true", "false", "none")
	return map[string]host.Help{
		"": {Example: "convosphere incident list --state active"},
		"list": {
			Long: "Lists incidents, the newest first, all or those that fit.", Example: "convosphere incident list --state active --level high",
			Flags: map[string]host.Words{"state": host.Choice("active", "open", "triaged", "contained", "remediated", "closed"), "level": host.Choice("low", "medium", "high", "critical"), "sort": host.Choice("level", "findings", "opened", "last", "-last")},
		},
		"show":      {Long: "Shows an incident: what was found about whom, what to do by which playbook, what was done, its timeline.", Example: "convosphere incident show ID", Args: ids},
		"report":    {Long: "Writes what became of an incident as one page of HTML, fit for print.", Example: "convosphere incident report ID -o incident.html", Args: ids, Flags: map[string]host.Words{"output": host.Files()}},
		"assign":    {Long: "Says who works on it: a user name, an id, or nobody.", Example: "convosphere incident assign ID ada", Args: []host.Words{id, host.Choice("nobody").And(host.Rows("accounts", "name", "roles"))}},
		"ack":       {Example: "convosphere incident ack ID", Args: ids},
		"triage":    {Example: "convosphere incident triage ID --note \"a real attack\"", Args: ids},
		"contain":   {Example: "convosphere incident contain ID", Args: ids},
		"remediate": {Example: "convosphere incident remediate ID", Args: ids},
		"close":     {Long: "Says that it is over. A verdict says whether it was what it looked like, and counts for the rules that found it.", Example: "convosphere incident close ID --verdict true", Args: ids, Flags: map[string]host.Words{"verdict": host.Choice("true", "false")}},
		"reopen":    {Example: "convosphere incident reopen ID", Args: ids},
		"verdict":   {Long: "Says whether it was what it looked like (true) or a false alarm (false); none takes it back. It counts for the rules that found it.", Example: "convosphere incident verdict ID false", Args: []host.Words{id, verdicts}},
		"note":      {Long: "Adds a note; - reads it from standard input.", Example: "convosphere incident note ID \"asked the customer\"", Args: ids},
		"step":      {Long: "Says that a step of a playbook is done; \"show\" lists them. --undo takes it back.", Example: "convosphere incident step ID PLAYBOOK/STEP", Args: ids},
		"tag":       {Long: "Adds tags; one that begins with ^ is taken away.", Example: "convosphere incident tag ID phishing ^unsure", Args: ids},
		"write-up":  {Long: "Writes what was done to recover, and what is to be learned, after what stands there, or with --replace in its place.", Example: "convosphere incident write-up ID --lessons \"second factor for everybody\"", Args: ids},
		"precision": {Long: "Says how often each rule was right, by the verdicts on the incidents that it found.", Example: "convosphere incident precision --json"},
	}
}

func reportHelps() map[string]host.Help {
	flags := map[string]host.Words{"format": host.Choice("html", "json", "csv"), "output": host.Files()}
	return map[string]host.Help{
		"":           {Example: "convosphere report security"},
		"security":   {Example: "convosphere report security --from -30d -o security.html", Flags: flags},
		"compliance": {Example: "convosphere report compliance --format json", Flags: flags},
		"access":     {Example: "convosphere report access --format csv -o access.csv", Flags: flags},
	}
}

func responseHelps() map[string]host.Help {
	ids := []host.Words{host.Rows("responses", "id", "action")}
	return map[string]host.Help{
		"":         {Example: "convosphere response list --state proposed"},
		"list":     {Long: "Lists responses, the newest first: what was done to whom, what is proposed, and what was undone.", Example: "convosphere response list --state proposed", Flags: map[string]host.Words{"state": host.Choice("proposed", "held", "applied", "done", "ended", "undone", "failed", "dismissed"), "incident": host.Rows("incidents", "id", "title")}},
		"apply":    {Example: "convosphere response apply throttle client:192.0.2.7 --for 1h", Args: []host.Words{host.Choice("challenge", "throttle", "raise_paranoia", "require_second_factor", "close_sockets", "ban", "lock_account", "end_sessions"), host.Choice()}},
		"approve":  {Long: "Does what is proposed or held.", Example: "convosphere response approve ID", Args: ids},
		"dismiss":  {Long: "Decides against what is proposed or held; no machine proposes it again for a day.", Example: "convosphere response dismiss ID", Args: ids},
		"undo":     {Long: "Takes back what is in force; no machine does it again for a day.", Example: "convosphere response undo ID", Args: ids},
		"simulate": {Example: "convosphere response simulate /var/lib/convosphere/events", Args: []host.Words{host.Files()}, Flags: map[string]host.Words{"rules": host.Files()}},
	}
}
