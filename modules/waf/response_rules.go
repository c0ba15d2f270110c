package waf

import "fmt"

// ruleForceBody makes Coraza read every body it is given: which ones these are is decided by us.
const ruleForceBody = 590030

// responseRules is the part of the configuration for answers, "" where none are inspected. The rules of requests and of answers are one set: an answer is
// inspected by a transaction of its own, begun when there is something to inspect, so nothing of a request's has to be kept while the back end works.
func (h *Handler) responseRules() string {
	if h.Responses.Off {
		return ""
	}
	return fmt.Sprintf(`SecResponseBodyAccess On
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecAction "id:%d,phase:3,pass,t:none,nolog,ctl:forceResponseBodyVariable=on"
Include @owasp_crs/RESPONSE-*.conf
`, h.Responses.Limit+window+overlap+2, ruleForceBody)
}
