package banfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

var now = time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)

// short is a list as text: prefix, what is left, reason.
func short(bans []ban.Ban) string {
	var out []string
	for _, b := range bans {
		left := "-"
		if !b.Expires.IsZero() {
			left = b.Expires.Sub(now).String()
		}
		out = append(out, fmt.Sprintf("%s %s %s", b.Prefix, left, b.Reason))
	}
	return strings.Join(out, "\n")
}

var lists = []struct{ name, format, text, want string }{
	{"plain", "plain", "\ufeff# a list\r\n192.0.2.1\r\n\n 198.51.100.7/24 ; SBL1 \n2001:db8::1 # a\x1b[31mb\n;\n",
		"192.0.2.1/32 - \n198.51.100.0/24 - SBL1\n2001:db8::/64 - a[31mb"},
	{"nothing", "plain", "", ""},
	{"cscli json", "crowdsec", `[{"id":1,"scenario":"x","decisions":[{"duration":"3h59m","origin":"crowdsec","scenario":"crowdsecurity/ssh-bf","scope":"Ip","type":"ban","value":"192.0.2.1"},` +
		`{"duration":"1h","scope":"Range","type":"ban","value":"198.51.100.0/24"},{"duration":"1h","scope":"Country","type":"ban","value":"XY"},` +
		`{"duration":"1h","scope":"Ip","type":"captcha","value":"192.0.2.3"},{"duration":"-1h","scope":"Ip","type":"ban","value":"192.0.2.4"},` +
		`{"duration":"1h","scope":"Ip","type":"ban","value":"192.0.2.5","simulated":true}]}]`,
		"192.0.2.1/32 3h59m0s crowdsecurity/ssh-bf\n198.51.100.0/24 1h0m0s "},
	{"local api", "crowdsec", `[{"duration":"1m0.5s","scenario":"s","scope":"Ip","type":"ban","value":"2001:db8::1"}]`, "2001:db8::/64 1m0.5s s"},
	{"stream", "crowdsec", `{"new":[{"duration":"1m","scope":"ip","type":"ban","value":"192.0.2.1"}],"deleted":[{"value":"192.0.2.9"}]}`, "192.0.2.1/32 1m0s "},
	{"none", "crowdsec", "null\n", ""},
	{"cscli raw", "crowdsec", "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n" +
		"1,crowdsec,Ip:192.0.2.1,\"a, b\",ban,US,1 X,5,3h,false,2\n2,cscli,Range:2001:db8::/32,r,ban,,,0,1h,false,3\n3,cscli,AS:123,r,ban,,,0,1h,false,3\n4,c,Ip:192.0.2.2,r,ban,,,0,1h,true,3\n5,c,192.0.2.3,r,ban,,,0,1h,false,3\n",
		"192.0.2.1/32 3h0m0s a, b\n2001:db8::/32 1h0m0s r\n192.0.2.3/32 1h0m0s r"},
	{"cscli import", "crowdsec", "duration,scope,value,type,reason\n24h,ip,192.0.2.1,ban,why\n,range,198.51.100.0/24,ban,\n", "192.0.2.1/32 24h0m0s why\n198.51.100.0/24 - "},
	{"banip", "fail2ban", "192.0.2.1 192.0.2.2\n2001:db8::1\n", "192.0.2.1/32 - fail2ban\n192.0.2.2/32 - fail2ban\n2001:db8::/64 - fail2ban"},
	{"banned", "fail2ban", "[{'sshd': ['192.0.2.1', '192.0.2.2']}, {'web': []}, {'x-y': ['2001:db8::1']}]\n",
		"192.0.2.1/32 - fail2ban sshd\n192.0.2.2/32 - fail2ban sshd\n2001:db8::/64 - fail2ban x-y"},
	{"status", "fail2ban", "Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t1\n|  `- File list:\t/var/log/auth.log\n`- Actions\n   |- Currently banned:\t2\n   `- Banned IP list:\t192.0.2.1 192.0.2.2\n",
		"192.0.2.1/32 - fail2ban\n192.0.2.2/32 - fail2ban"},
	{"iptables", "fail2ban", "-P INPUT ACCEPT\n-N f2b-sshd\n-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n-A INPUT -s 203.0.113.0/24 -j DROP\n" +
		"-A f2b-sshd -s 192.0.2.1/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b-sshd -j RETURN\n", "192.0.2.1/32 - fail2ban sshd"},
	{"json", "json", `[{"prefix":"192.0.2.1","reason":"r","source":"abuse","created":"2026-11-26T19:00:00Z","expires":"2026-11-26T21:00:00Z","times":3},{"prefix":"192.0.2.2","expires":"2026-11-26T19:30:00Z"}]`,
		"192.0.2.1/32 1h0m0s r"},
}

func TestRead(t *testing.T) {
	for _, l := range lists {
		bans, err := Read(l.format, l.text, now)
		if got := short(bans); err != nil || got != l.want {
			t.Errorf("%s: %v\n got %s\nwant %s", l.name, err, got, l.want)
		}
	}
}

// fail2ban says times in its machine's zone.
func TestTimesOfFail2ban(t *testing.T) {
	bans, err := Read("fail2ban", "192.0.2.1 \t2026-11-26 20:00:00 + 600 = 2026-11-26 20:10:00\n192.0.2.2 \t2026-11-26 20:00:00 + -1 = 9999-12-31 23:59:59\n", time.Date(2026, 11, 26, 20, 0, 0, 0, time.Local))
	if err != nil || len(bans) != 2 || !bans[0].Expires.Equal(time.Date(2026, 11, 26, 20, 10, 0, 0, time.Local)) || !bans[1].Expires.IsZero() {
		t.Fatal(bans, err)
	}
}

// What is not understood is no ban, and so an error: with the line, where there are lines.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"plain", "192.0.2.1\n\nnonsense\n", "line 3: "},
		{"plain", "192.0.2.1 192.0.2.2\n", "line 1: "},
		{"plain", "192.0.2.1-192.0.2.9", "line 1: "},
		{"crowdsec", "", "nothing in the list"},
		{"crowdsec", "a,b\n1,2\n", "names no column"},
		{"crowdsec", "value\n1,2\n", "wrong number of fields"},
		{"crowdsec", `[{"scope":"Ip","type":"ban","value":"x"}]`, "the one at 1: "},
		{"crowdsec", `[{"scope":"Ip","type":"ban","value":"192.0.2.1","duration":"soon"}]`, "its duration"},
		{"crowdsec", `[{"scope":`, "unexpected end"},
		{"fail2ban", "192.0.2.1 x\n", "line 1: "},
		{"fail2ban", "192.0.2.1 \t2026 + 600 = tomorrow\n", "the time after ="},
		{"fail2ban", "[{'sshd': ['x']}]", `jail "sshd"`},
		{"fail2ban", "[1, 2]", "fail2ban-client banned"},
		{"json", `[{"prefix":"192.0.2.1","force":true}]`, "unknown field"},
		{"json", `[{"prefix":"192.0.2"}]`, "ban 1: "},
		{"json", `[] []`, "something follows"},
		{"html", "", "crowdsec, fail2ban, json, plain"},
	} {
		if _, err := Read(c.format, c.text, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, not %q", c.format, c.text, err, c.want)
		}
	}
}

// What is written is read again.
func TestWrite(t *testing.T) {
	bans, err := Read("plain", "192.0.2.1 # a, \"b\"\n198.51.100.0/24\n2001:db8::1\n", now)
	if err != nil {
		t.Fatal(err)
	}
	bans[0].Expires = now.Add(90 * time.Second)
	for format, write := range map[string]func(*bytes.Buffer) error{
		"json":     func(b *bytes.Buffer) error { return WriteJSON(b, bans) },
		"crowdsec": func(b *bytes.Buffer) error { return WriteCrowdSec(b, bans, now) },
		"plain":    func(b *bytes.Buffer) error { return WritePlain(b, bans) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := Read(format, b.String(), now)
		if err != nil || len(again) != len(bans) {
			t.Fatalf("%s: %v\n%s", format, err, b.String())
		}
		for i, a := range again {
			if a.Prefix != bans[i].Prefix || format != "plain" && (i == 0 && (a.Reason != bans[0].Reason || !a.Expires.Equal(bans[0].Expires))) {
				t.Errorf("%s: %+v, not %+v", format, a, bans[i])
			}
		}
	}
}

// Whatever a list holds, what is read of it may be banned so: the prefix is canonical and the reason is one line of text.
func FuzzRead(f *testing.F) {
	for _, l := range lists {
		f.Add(l.format, l.text)
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		bans, err := Read(format, text, now)
		if err != nil {
			return
		}
		for _, b := range bans {
			if p, err := ban.Parse(b.Prefix.String()); err != nil || p != b.Prefix {
				t.Errorf("%q gives %s", text, b.Prefix)
			}
			if format != "json" && (len(b.Reason) > ban.MaxReason || strings.ContainsAny(b.Reason, "\n\r\x00\x1b")) {
				t.Errorf("%q gives the reason %q", text, b.Reason)
			}
			if !b.In(now) {
				t.Errorf("%q gives one that has ended", text)
			}
		}
	})
}
