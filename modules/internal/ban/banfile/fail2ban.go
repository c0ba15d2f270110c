package banfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
)

// readFail2ban reads what fail2ban prints: `fail2ban-client get JAIL banip [--with-time]`, `fail2ban-client banned`, `fail2ban-client status JAIL`, and the
// rules that it makes, as `iptables -S` and `ip6tables -S` print them. Its database is not read: ask the client.
func readFail2ban(text string, _ time.Time) (bans []ban.Ban, err error) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "[") {
		return jails(trimmed)
	}
	err = lines(text, func(line string) error {
		found, err := fail2banLine(line)
		bans = append(bans, found...)
		return err
	})
	return bans, err
}

func fail2banLine(line string) ([]ban.Ban, error) {
	switch {
	case strings.HasPrefix(line, "-"): // a rule
		return rule(line)
	case strings.HasPrefix(line, "Status for the jail") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "`"):
		_, list, ok := strings.Cut(line, "Banned IP list:")
		if !ok {
			return nil, nil // what else the status says
		}
		return addresses(list)
	case strings.Contains(line, " = "):
		return timed(line)
	}
	return addresses(line)
}

func addresses(list string) (bans []ban.Ban, err error) {
	for word := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		p, err := ban.Parse(word)
		if err != nil {
			return nil, err
		}
		bans = append(bans, ban.Ban{Prefix: p, Reason: "fail2ban"})
	}
	return bans, nil
}

const fail2banTime = "2006-01-02 15:04:05"

// timed reads `192.0.2.1  2026-11-26 20:00:00 + 600 = 2026-11-26 20:10:00`, in local time. Its end for a ban without one is 9999-12-31.
func timed(line string) ([]ban.Ban, error) {
	what, end, _ := strings.Cut(line, " = ")
	p, err := ban.Parse(strings.Fields(what)[0]) // the line does not begin with a space
	if err != nil {
		return nil, err
	}
	b := ban.Ban{Prefix: p, Reason: "fail2ban"}
	until, err := time.ParseInLocation(fail2banTime, strings.TrimSpace(end), time.Local)
	if err != nil {
		return nil, errors.New("the time after = is none as 2026-11-26 20:10:00")
	}
	if until.Year() < 9000 {
		b.Expires = until
	}
	return []ban.Ban{b}, nil
}

// rule reads `-A f2b-sshd -s 192.0.2.1/32 -j REJECT …`. Other rules ban nobody.
func rule(line string) ([]ban.Ban, error) {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "-A" || !strings.HasPrefix(words[1], "f2b-") && !strings.HasPrefix(words[1], "fail2ban-") {
		return nil, nil
	}
	source, target := "", ""
	for i, w := range words[:len(words)-1] {
		switch w {
		case "-s":
			source = words[i+1]
		case "-j":
			target = words[i+1]
		}
	}
	if source == "" || target != "REJECT" && target != "DROP" {
		return nil, nil
	}
	p, err := ban.Parse(source)
	if err != nil {
		return nil, err
	}
	return []ban.Ban{{Prefix: p, Reason: reason("fail2ban " + strings.TrimPrefix(words[1], "f2b-"))}}, nil
}

// jailList is what `fail2ban-client banned` prints, which is Python: [{'sshd': ['192.0.2.1', '192.0.2.2']}, {'web': []}].
var (
	jailList = regexp.MustCompile(`^\[\s*(\{\s*'[^'\\\n]*'\s*:\s*\[[^\]\[{}]*\]\s*\}\s*,?\s*)*\]$`)
	jail     = regexp.MustCompile(`'([^'\\\n]*)'\s*:\s*\[([^\]\[{}]*)\]`)
)

func jails(text string) (bans []ban.Ban, err error) {
	if !jailList.MatchString(text) {
		return nil, errors.New("it begins with [ and is not what `fail2ban-client banned` prints")
	}
	for _, m := range jail.FindAllStringSubmatch(text, -1) {
		for item := range strings.SplitSeq(m[2], ",") {
			item = strings.Trim(strings.TrimSpace(item), `'"`)
			if item == "" {
				continue
			}
			p, err := ban.Parse(item)
			if err != nil {
				return nil, fmt.Errorf("jail %q: %w", reason(m[1]), err)
			}
			bans = append(bans, ban.Ban{Prefix: p, Reason: reason("fail2ban " + m[1])})
		}
	}
	return bans, nil
}
