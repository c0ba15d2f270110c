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

func BenchmarkResponse(b *testing.B) {
	s := newScreen(b, rulesAt(1))
	e, _ := s.Request(request("GET", "/api/rooms/general/messages?limit=50&before=01J9ZQ8Y3M", ""))
	a := &Answer{Status: "200", Body: `{"id":"01J0ZK3W9T","room":"general","author":"ursula","text":"Hello"}`, Header: func(yield func(name, value string) bool) {
		_ = yield("Content-Type", "application/json") && yield("Date", "Thu, 26 Nov 2026 12:00:00 GMT") && yield("Content-Length", "80")
	}}
	b.ReportAllocs()
	for b.Loop() {
		if !e.Response(a).Clean {
			b.Fatal("not clean")
		}
	}
}
