package waf

import (
	"fmt"
	"slices"
	"strings"
)

// Ids of our own rules: 590000 and up, away from the Core Rule Set (900000 and up) and from local rules (below 100000).
const (
	ruleFieldsSize  = 590001
	ruleArguments   = 590002
	ruleXML         = 590003
	ruleOctetStream = 590020
	ruleTokenCookie = 590010 // and the ones after it, one a cookie
	ruleExclusion   = 590100 // and the ones after it, one an exclusion
)

// engine is what Coraza's recommended configuration sets, and what the Core Rule Set's set-up leaves out: its rules of the later phases log as the others do. The media types of JSON and XML are wider here: every
// +json and +xml is parsed as what it says. The bytes of an octet stream are a file's, not a form's (590020), unless a second media type says something else.
const engine = `Include @crs-setup.conf.example
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecDefaultAction "phase:3,log,auditlog,pass"
SecDefaultAction "phase:4,log,auditlog,pass"
SecDefaultAction "phase:5,log,auditlog,pass"
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 1024
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule &REQUEST_HEADERS:Content-Type "@eq 1" "id:590020,phase:1,t:none,pass,nolog,chain"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/octet-stream(?:$|[;\s])" "t:none,t:lowercase,ctl:ruleRemoveById=901340"
SecRule URI_PARSE_ERROR "@eq 1" "id:200009,phase:1,t:none,log,deny,status:400,msg:'The URI is malformed',chain"
SecRule REQUEST_METHOD "!@streq CONNECT" "t:none"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'The body is malformed'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'The multipart body is malformed'"
SecAction "id:900200,phase:1,pass,t:none,nolog,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
SecAction "id:900220,phase:1,pass,t:none,nolog,setvar:'tx.allowed_request_content_type=|application/x-www-form-urlencoded| |multipart/form-data| |text/xml| |application/xml| |application/soap+xml| |application/json| |application/merge-patch+json| |application/json-patch+json| |application/csp-report| |application/reports+json| |application/octet-stream|'"
`

// inspected is where the rules end.
const inspected = "GW-INSPECTED"

// argumentRules refuse what has more arguments than may be.
var argumentRules = []int{200004, 200005, ruleArguments, ruleXML}

// argumentLimits bounds what the rules match, before any of them does. Coraza drops arguments over its limit, for a query, a form and JSON each, and
// says that it did: an attack could hide behind them, so the request is refused. It counts neither the parts of a multipart body,
// nor the texts of XML, nor a query and a body together. In mode detect what is over a limit passes without being matched.
func (h *Handler) argumentLimits(b *strings.Builder) {
	action := "deny,status:400"
	if h.Mode == Detect {
		action = "pass,skipAfter:" + inspected
	}
	fmt.Fprintf(b, "SecArgumentsLimit %d\n", h.MaxArguments)
	for _, x := range []struct {
		id, phase int
		condition string
	}{
		{200004, 1, `ARGUMENTS_LIMIT_REACHED "@eq 1"`},
		{200005, 2, `ARGUMENTS_LIMIT_REACHED "@eq 1"`},
		{ruleArguments, 2, fmt.Sprintf(`&ARGS "@gt %d"`, h.MaxArguments)},
		{ruleXML, 2, fmt.Sprintf(`&XML:/*|&XML://@* "@gt %d"`, h.MaxArguments)},
	} {
		fmt.Fprintf(b, "SecRule %s \"id:%d,phase:%d,t:none,log,%s,msg:'Too many arguments'\"\n", x.condition, x.id, x.phase, action)
	}
}

// tokenCookies are the gateway's own. Their values are signed or random, so rules for attack text find nothing in them but
// accidents; they are checked for their alphabet instead, which no attack text fits into.
var tokenCookies = []string{"__Host-gw_access", "__Secure-gw_refresh", "__Secure-gw_device", "__Host-gw_oidc", "__Host-gw_session"}

// Password fields of the portal's API, and what a security key or an outside provider answers: random texts, in one of some thousand of which a rule for
// attack text would find an accident, and addresses of the provider's.
var passwords = []Exclusion{
	fieldExclusion("/auth/api/login", "password"),
	fieldExclusion("/auth/api/account/password", "password", "old", "new"),
	fieldExclusion("/auth/api/stepup/password", "password"),
	fieldExclusion("/auth/api/register", "password"),
	fieldExclusion("/auth/api/register/confirm", "password"),
	fieldExclusion("/auth/api/reset/confirm", "password"),
	fieldExclusion("/auth/api/mfa/webauthn", keyAnswers...),
	fieldExclusion("/auth/api/mfa/enrol/webauthn", keyAnswers...),
	fieldExclusion("/auth/api/stepup/webauthn", keyAnswers...),
	fieldExclusion("/auth/api/account/webauthn", keyAnswers...),
	fieldExclusion("/auth/api/passkey", keyAnswers...),
	fieldExclusion("/auth/oidc/*/callback", "code", "state", "iss", "scope", "session_state"),
}

var keyAnswers = []string{"credential.id", "credential.rawId", "credential.response.*"}

// fieldRules are what fieldExclusion keeps off.
var fieldRules = []string{"tag:OWASP_CRS"}

// fieldExclusion keeps the Core Rule Set off values that hold secrets of people, where attack patterns mean nothing.
func fieldExclusion(path PathPattern, fields ...string) Exclusion {
	x := Exclusion{Rules: fieldRules, At: []PathPattern{path}}
	for _, f := range fields {
		x.On = append(x.On, "ARGS:"+f)
	}
	return x
}

// directives is the whole configuration of Coraza, as text. Order matters: settings, exclusions (phase 1), plugins' and the
// operator's rules, the Core Rule Set, what comes after it, and last what changes loaded rules.
func (h *Handler) directives() string {
	b := new(strings.Builder)
	b.WriteString(engine)
	limit := max(h.BodyLimit, h.UploadLimit) + 1 // Coraza refuses what reaches its limit; ours may be reached
	fmt.Fprintf(b, "SecRequestBodyLimit %d\nSecRequestBodyInMemoryLimit %d\n", limit, min(memoryLimit, limit))
	h.argumentLimits(b)
	// A multipart body may be long for its files; its fields are matched by every rule and may not.
	fmt.Fprintf(b, "SecRule REQBODY_PROCESSOR \"@streq MULTIPART\" \"id:%d,phase:2,t:none,log,deny,status:413,msg:'The fields are too long',chain\"\n", ruleFieldsSize)
	fmt.Fprintf(b, "SecRule ARGS_COMBINED_SIZE \"@gt %d\" \"t:none\"\n", h.BodyLimit)
	h.levels(b)
	for i, c := range tokenCookies {
		fmt.Fprintf(b, "SecRule REQUEST_COOKIES:%s \"!@rx ^[A-Za-z0-9_.~+/=-]*$\" \"id:%d,phase:1,t:none,log,deny,status:403,msg:'A token cookie holds no token'\"\n", c, ruleTokenCookie+i)
	}
	exclusions := slices.Concat(passwords, h.Exclusions)
	for i, x := range exclusions {
		b.WriteString(x.inPhase1(ruleExclusion + i))
	}
	include(b, h.Plugins, pluginConfig)
	include(b, h.Plugins, pluginBefore)
	for _, f := range h.RulesFiles {
		fmt.Fprintf(b, "Include %s\n", f)
	}
	b.WriteString("Include @owasp_crs/REQUEST-*.conf\n")
	b.WriteString(h.responseRules())
	for _, f := range h.RulesAfter {
		fmt.Fprintf(b, "Include %s\n", f)
	}
	include(b, h.Plugins, pluginAfter)
	// The rules that let a local Apache talk to itself: whoever connects from this machine could use them.
	b.WriteString("SecRuleRemoveById 905100 905110\n")
	for _, x := range exclusions {
		b.WriteString(x.atLoad())
	}
	for _, c := range tokenCookies {
		fmt.Fprintf(b, "SecRuleUpdateTargetByTag OWASP_CRS \"!REQUEST_COOKIES:%s\"\n", c)
	}
	fmt.Fprintf(b, "SecMarker %s\n", inspected)
	// Last, so that no rules file turns them on: both logs of Coraza hold bodies.
	b.WriteString("SecAuditEngine Off\nSecDebugLogLevel 0\n")
	if h.Mode == Detect {
		b.WriteString("SecRuleEngine DetectionOnly\n")
	} else {
		b.WriteString("SecRuleEngine On\n")
	}
	return b.String()
}

// levels sets, with the ids that the Core Rule Set's own set-up file has for it, only what differs from its defaults, so that a rules file
// may hold the rest.
func (h *Handler) levels(b *strings.Builder) {
	fmt.Fprintf(b, "SecAction \"id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=%d\"\n", h.Paranoia)
	if h.DetectionParanoia != h.Paranoia {
		fmt.Fprintf(b, "SecAction \"id:900001,phase:1,pass,t:none,nolog,setvar:tx.detection_paranoia_level=%d\"\n", h.DetectionParanoia)
	}
	if h.InboundThreshold != defaultInbound || h.OutboundThreshold != defaultOutbound {
		fmt.Fprintf(b, "SecAction \"id:900110,phase:1,pass,t:none,nolog,setvar:tx.inbound_anomaly_score_threshold=%d,setvar:tx.outbound_anomaly_score_threshold=%d\"\n",
			h.InboundThreshold, h.OutboundThreshold)
	}
}
