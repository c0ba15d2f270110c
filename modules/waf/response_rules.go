package waf

import (
	"errors"
	"fmt"
	"strings"

	"github.com/corazawaf/coraza/v3/types"
)

// ruleForceBody makes Coraza read every body it is given: which ones these are is decided by us.
const ruleForceBody = 590030

// responseDirectives is the configuration of Coraza for answers: a set of its own with the response rules, beside the settings, the
// exclusions and the operator's rules that requests have. So nothing of a request's transaction has to be kept while the back end works, and
// a request that needed none costs none.
func (h *Handler) responseDirectives(files string) string {
	return h.rulesText(fmt.Sprintf(`SecRxPreFilter On
SecResponseBodyAccess On
SecResponseBodyLimit %d
SecResponseBodyLimitAction ProcessPartial
SecAction "id:%d,phase:3,pass,t:none,nolog,ctl:forceResponseBodyVariable=on"
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
Include @owasp_crs/%s
`, h.Responses.Limit+window+overlap+2, ruleForceBody, files))
}

// ownRules is what a set's rules of the operator ask for.
type ownRules struct {
	response bool // some see answers
	paranoia bool // some speak of the paranoia level, so any may count
}

func (o *ownRules) observe(r types.RuleMetadata) {
	if embedded(r.File()) {
		return // the Core Rule Set's
	}
	raw := strings.ToLower(r.Raw())
	o.paranoia = o.paranoia || strings.Contains(raw, "detection_paranoia_level")
	if r.File() == "" {
		return // our own text, in which blocking_paranoia_level is as configured
	}
	o.paranoia = o.paranoia || strings.Contains(raw, "paranoia_level")
	o.response = o.response || r.Phase() >= types.PhaseResponseHeaders && r.SecMark() == ""
}

// loadResponses loads the response rules and their screen, or joins loaded ones.
func (h *Handler) loadResponses() (err error) {
	if h.Responses.Off {
		return nil
	}
	if h.responses, _, err = loadRules(h.responseDirectives("RESPONSE-*.conf")); err != nil {
		return fmt.Errorf("loading the response rules: %w", err)
	}
	if h.responses.own.response {
		// What the screen finds clean, they see all the same.
		if h.lean, _, err = loadRules(h.responseDirectives("RESPONSE-9[58][09]-[BC]*.conf")); err != nil {
			return fmt.Errorf("loading the response rules of the rules files: %w", err)
		}
	}
	h.leaks, err = leakScreen(h.detectionLevel())
	return err
}

// detectionLevel is the paranoia level whose rules may count.
func (h *Handler) detectionLevel() int {
	if h.responses.own.paranoia {
		return 4
	}
	return h.Paranoia
}

func (h *Handler) unloadResponses() (err error) {
	for _, set := range []*ruleSet{h.responses, h.lean} {
		if set != nil {
			err = errors.Join(err, set.unload())
		}
	}
	return err
}
