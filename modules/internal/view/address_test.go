package view

import "testing"

func TestAddresses(t *testing.T) {
	for got, want := range map[string]string{
		At("bans", "2001:db8::/64"):                       "bans/item?id=2001%3Adb8%3A%3A%2F64",
		Narrowed("incidents"):                             "incidents",
		Narrowed("events", "client", "a&b", "since", "x"): "events?client=a%26b&since=x",
	} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
