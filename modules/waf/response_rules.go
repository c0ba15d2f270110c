package waf

import "fmt"

// ruleForceBody makes Coraza read every body it is given: which ones these are is decided by us.
const ruleForceBody = 590030

// responseDirectives is the configuration of Coraza for answers: a set of its own with the response rules, beside the settings, the
// exclusions and the operator's rules that requests have. So nothing of a request's transaction has to be kept while the back end works, and
// a request that needed none costs none.
func (h *Handler) responseDirectives() string {
	return h.rulesText(fmt.Sprintf(`SecRxPreFilter On
SecResponseBodyAccess On
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecAction "id:%d,phase:3,pass,t:none,nolog,ctl:forceResponseBodyVariable=on"
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
Include @owasp_crs/RESPONSE-*.conf
`, h.Responses.Limit+window+overlap+2, ruleForceBody))
}

// loadResponses loads the response rules, or joins a loaded set.
func (h *Handler) loadResponses() (err error) {
	if h.Responses.Off {
		return nil
	}
	if h.responses, _, err = loadRules(h.responseDirectives()); err != nil {
		return fmt.Errorf("loading the response rules: %w", err)
	}
	return nil
}

func (h *Handler) unloadResponses() error {
	if h.responses == nil {
		return nil
	}
	return h.responses.unload()
}
