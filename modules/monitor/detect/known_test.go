package detect

import "testing"

func TestKnownFields(t *testing.T) {
	known := knownFields()
	for name, want := range map[string]bool{
		"@timestamp": true, "event.action": true, "source.ip": true, "source.geo.country_iso_code": true, "user.id": true, "user.target.id": true, "url.query": true, "url.original": true,
		"http.response.status_code": true, "http.request.referrer": true, "user_agent.original": true, "rule.id": true, "gateway.waf.score.inbound": true, "gateway.account": true, "gateway.socket.bytes_in": true,
		"user.name": false, "gateway.nonsense": false, "gateway.wafer.score": false, "message": false, "url.pat": false,
	} {
		if known[generic(name)] != want {
			t.Errorf("%s: known is %v", name, !want)
		}
	}
}
