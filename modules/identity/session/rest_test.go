package session

import (
	"strings"
	"testing"
)

// Where people were signed in from, and with what, stands in no column in plain; they themselves read it in their lists.
func TestPlacesOfPeopleAreSealedAtRest(t *testing.T) {
	n := newNode(t)
	n.person("ada", false)
	r := n.loginFrom(from("ada", ""))
	for _, table := range []string{"sessions", "devices"} {
		var ip, agent string
		if err := n.DB.QueryRow(ctx, `SELECT ip, user_agent FROM `+table).Scan(&ip, &agent); err != nil {
			t.Fatal(err)
		}
		a := from("ada", "")
		if !strings.HasPrefix(ip, "sealed:") || !strings.HasPrefix(agent, "sealed:") || strings.Contains(ip+agent, a.Client.IP.String()) {
			t.Error(table, ip, agent)
		}
		all, err := n.Sessions(ctx, r.Identity)
		if err != nil || len(all) != 1 || all[0].IP != a.Client.IP.String() || all[0].UserAgent != a.UserAgent {
			t.Error(all, err)
		}
	}
}
