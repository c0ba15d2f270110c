package screen

import "testing"

func BenchmarkRequest(b *testing.B) {
	s := newScreen(b, rulesAt(1))
	for name, r := range map[string]*Request{
		"GET":  request("GET", "/api/rooms/general/messages?limit=50&before=01J9ZQ8Y3M", ""),
		"POST": request("POST", "/api/rooms/general/messages", `{"text":"Hello everyone, the meeting is at noon tomorrow, please bring your notes and the figures from last week so that we can compare them with what the others measured. I will send the agenda later today. See you there, and don't forget the coffee for the whole team, it was empty last time, thanks a lot!"}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, res := s.Request(r); !res.Clean {
					b.Fatal(res)
				}
			}
		})
	}
}
