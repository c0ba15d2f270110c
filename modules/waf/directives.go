package waf

import (
	"fmt"
	"regexp"
	"strings"
)

// Ids of our own rules: 590000 and up, away from the Core Rule Set (900000 and up) and from local rules (below 100000).
const (
	ruleFieldsSize  = 590001
	ruleArguments   = 590002
	ruleXML         = 590003
	ruleTokenCookie = 590010 // and the ones after it, one a cookie
	ruleFields      = 590100 // and the ones after it, one a path
)

// engine is what Coraza's recommended configuration sets, for requests alone. The media types of JSON and XML are wider here: every
// +json and +xml is parsed as what it says. The bytes of an octet stream are a file's, not a form's (590020).
const engine = `Include @crs-setup.conf.example
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 1024
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/octet-stream(?:$|[;\s])" "id:590020,phase:1,t:none,t:lowercase,pass,nolog,ctl:ruleRemoveById=901340"
SecRule URI_PARSE_ERROR "@eq 1" "id:200009,phase:1,t:none,log,deny,status:400,msg:'The URI is malformed'"
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
var tokenCookies = []string{"__Host-gw_access", "__Secure-gw_refresh"}

// Password fields of the portal's API.
var defaultFields = []FieldExclusion{
	{Path: "/auth/api/login", Fields: []string{"password"}},
	{Path: "/auth/api/account/password", Fields: []string{"password", "old", "new"}},
}

var (
	fieldPath = regexp.MustCompile(`^/[A-Za-z0-9/_.~-]*\*?$`)
	fieldName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

func (x FieldExclusion) validate() error {
	if !fieldPath.MatchString(x.Path) {
		return fmt.Errorf("exclude_field %q: the path begins with / and has letters, digits and /_.~- with an optional * at its end", x.Path)
	}
	if len(x.Fields) == 0 {
		return fmt.Errorf("exclude_field %s: it names no field", x.Path)
	}
	for _, f := range x.Fields {
		if !fieldName.MatchString(f) {
			return fmt.Errorf("exclude_field %s: field %q: it has letters, digits and _.-", x.Path, f)
		}
	}
	return nil
}

// directives is the whole configuration of Coraza for requests, as text.
func (h *Handler) directives() string { return h.rulesText("Include @owasp_crs/REQUEST-*.conf\n") }

// rulesText puts the part of the Core Rule Set that is asked for among all the rest. Order matters: settings, exclusions by path (phase 1), the
// operator's rules, the Core Rule Set, and last what changes loaded rules.
func (h *Handler) rulesText(coreRules string) string {
	b := new(strings.Builder)
	b.WriteString(engine)
	limit := max(h.BodyLimit, h.UploadLimit) + 1 // Coraza refuses what reaches its limit; ours may be reached
	fmt.Fprintf(b, "SecRequestBodyLimit %d\nSecRequestBodyInMemoryLimit %d\n", limit, min(memoryLimit, limit))
	h.argumentLimits(b)
	// A multipart body may be long for its files; its fields are matched by every rule and may not.
	fmt.Fprintf(b, "SecRule REQBODY_PROCESSOR \"@streq MULTIPART\" \"id:%d,phase:2,t:none,log,deny,status:413,msg:'The fields are too long',chain\"\n", ruleFieldsSize)
	fmt.Fprintf(b, "SecRule ARGS_COMBINED_SIZE \"@gt %d\" \"t:none\"\n", h.BodyLimit)
	fmt.Fprintf(b, "SecAction \"id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=%d\"\n", h.Paranoia)
	for i, c := range tokenCookies {
		fmt.Fprintf(b, "SecRule REQUEST_COOKIES:%s \"!@rx ^[A-Za-z0-9_.~+/=-]*$\" \"id:%d,phase:1,t:none,log,deny,status:403,msg:'A token cookie holds no token'\"\n", c, ruleTokenCookie+i)
	}
	for i, x := range append(defaultFields[:len(defaultFields):len(defaultFields)], h.ExcludeFields...) {
		op, path := "@streq", x.Path
		if p, ok := strings.CutSuffix(path, "*"); ok {
			op, path = "@beginsWith", p
		}
		fmt.Fprintf(b, "SecRule REQUEST_FILENAME \"%s %s\" \"id:%d,phase:1,t:none,pass,nolog", op, path, ruleFields+i)
		for _, f := range x.Fields {
			fmt.Fprintf(b, ",ctl:ruleRemoveTargetByTag=OWASP_CRS;ARGS:%s,ctl:ruleRemoveTargetByTag=OWASP_CRS;ARGS:json.%s", f, f)
		}
		b.WriteString("\"\n")
	}
	for _, f := range h.RulesFiles {
		fmt.Fprintf(b, "Include %s\n", f)
	}
	b.WriteString(coreRules)
	// The rules that let a local Apache talk to itself: whoever connects from this machine could use them.
	b.WriteString("SecRuleRemoveById 905100 905110\n")
	for _, id := range h.ExcludeRules {
		fmt.Fprintf(b, "SecRuleRemoveById %d\n", id)
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
