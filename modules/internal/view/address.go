package view

import "net/url"

// At is the address within the console of an item of a view, as links and Done.Goto take it.
func At(view, id string) string { return view + "/item?" + url.Values{"id": {id}}.Encode() }

// Narrowed is that of a view with filters set: names and values in turn.
func Narrowed(view string, filters ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(filters); i += 2 {
		q.Set(filters[i], filters[i+1])
	}
	if len(q) == 0 {
		return view
	}
	return view + "?" + q.Encode()
}
