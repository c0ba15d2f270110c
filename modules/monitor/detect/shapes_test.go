package detect

import (
	"slices"
	"strings"
	"testing"
)

// Rules as SigmaHQ's folders web and application have them: each shape that is found there, with a request that it is about. They load as they are.
func TestShapesOfOthers(t *testing.T) {
	head := func(source string) string {
		return "title: T\nid: x\nrelated:\n    - id: 5ea8faa8-db8b-45be-89b0-151b84c82702\n      type: derived\nstatus: test\ndescription: D\nauthor: A, \"@b\" (update)\ndate: 2021/12/10\nmodified: 2022-02-06\n" +
			"tags:\n    - attack.initial_access\n    - attack.t1190\n    - cve.2021.44228\nlogsource:\n    " + source + "\ndetection:\n"
	}
	const tail = "\nfields:\n    - client_ip\nfalsepositives:\n    - Unknown\nlevel: high\n"
	request := func(method, path, query, agent string) string {
		return `{"event.action":"http-request","http.request.method":"` + method + `","url.domain":"shop.example.org","url.path":"` + path + `","url.query":"` + query + `","http.response.status_code":200,"user_agent.original":"` + agent + `"}`
	}
	for name, c := range map[string]struct{ source, detection, yes, no string }{
		"keywords": {
			"category: webserver", "    keywords:\n        - '=choose'\n        - '${pick:'\n    filter:\n        - 'probe.example'\n    condition: keywords and not filter",
			request("GET", "/a", "q=CHOOSE+x", "c"), request("GET", "/a", "q=${pick:probe.example}", "c"),
		},
		"keywords of a method": {
			"category: webserver", "    selection_method:\n        cs-method: 'GET'\n    selection_keywords:\n        # a comment\n        - '=run%20'\n        - '=run+'\n    condition: all of selection_*",
			request("GET", "/a", "c=run+x", "c"), request("POST", "/a", "c=run+x", "c"),
		},
		"query and status": {
			"category: webserver", "    selection:\n        cs-uri-query|contains: '~1'\n        cs-uri-query|endswith: 'a.asp'\n        cs-method:\n            - GET\n            - OPTIONS\n        sc-status:\n            - 200\n            - 301\n    condition: selection",
			request("GET", "/x~1/a.asp", "", "c"), request("GET", "/x/a.asp", "", "c"),
		},
		"backslashes": {
			"category: webserver", `    selection:
        cs-uri-query|contains:
            - 'save|'
            - 'D:\Shared\Open\'
    condition: selection`,
			request("GET", "/a", `f=D:\\Shared\\Open\\x`, "c"), request("GET", "/a", "f=D:/Shared/Open", "c"),
		},
		"an escaped wildcard": {
			"category: proxy", `    selection:
        c-uri|endswith: '\?list=all'
        cs-host: 'shop.example.org'
    condition: selection`,
			request("GET", "/a", "list=all", "c"), request("GET", "/a/list=all", "", "c"),
		},
		"a whole URL": {
			"category: proxy", "    selection:\n        c-uri|startswith: 'https://shop.example.org/'\n        c-uri|contains: '/pay/'\n    other:\n        c-uri: '/pay/1'\n    condition: selection and other",
			request("GET", "/pay/1", "", "c"), request("GET", "/pay/2", "", "c"),
		},
		"agents, with exceptions in a list of maps": {
			"category: proxy", "    selection1:\n        c-useragent|startswith:\n            - 'Old/3.0 '\n            - ' Lead/'  # a space in front\n    selection2:\n        c-useragent:\n            - '_'\n            - 'Tool Agent'\n    falsepositives:\n        - c-useragent: 'Old/3.0 * Reader *'\n        - cs-host|endswith:\n            - '.example.com'\n    condition: 1 of selection* and not falsepositives",
			request("GET", "/", "", " Lead/1"), request("GET", "/", "", "Old/3.0 (the Reader 9)"),
		},
		"all of several": {
			"category: proxy", "    selection_a:\n        c-uri|contains|all:\n            - 'find'\n            - ':q='\n            - 'dav'\n    filter_main_local:\n        dst_ip|cidr:\n            - '127.0.0.0/8'\n            - 'fe80::/10'  # IPv6\n    condition: all of selection_* and not 1 of filter_main_*",
			request("GET", "/dav/find", "x:q=1", "c"), request("GET", "/dav/find", "x", "c"),
		},
		"nothing where something is": {
			"category: webserver", "    selection:\n        cs-uri-query|contains:\n            - 'op=read'\n            - 'go&target'\n    filter:\n        cs-referer: null\n        cs-user-agent: null\n        cs-method: POST\n    condition: selection and filter",
			request("POST", "/a", "op=read", ""), request("POST", "/a", "op=read", "c"),
		},
		"nobody": {
			"category: webserver", "    selection_path:\n        cs-method: 'GET'\n        cs-uri-stem|startswith:\n            - '/inside/env'\n    selection_nobody:\n        cs-username:\n            - '-'\n            - ''\n            - 'anonymous'\n    condition: all of selection_*",
			request("GET", "/inside/env", "", "c"), strings.Replace(request("GET", "/inside/env", "", "c"), `"event.action"`, `"user.id":"u1","event.action"`, 1),
		},
		"endings of files": {
			"category: proxy", "    selection:\n        c-uri-extension:\n            - 'exe'\n            - 'ps1'\n    filter:\n        cs-host|endswith:\n            - '.com'\n            - '.net'\n    condition: selection and not filter",
			request("GET", "/a/b.EXE", "v=1.2", "c"), request("GET", "/a/b.exe/c", "v=.exe", "c"),
		},
		"messages of an application": {
			"category: application\n    product: sql", "    keywords:\n        # a product\n        - text is not closed\n        - 'near \"*\": wrong'\n    condition: keywords",
			request("GET", "/a", `e=near \"x\": wrong`, "c"), request("GET", "/a", "near", "c"),
		},
	} {
		r := loadGood(t, head(c.source)+c.detection+tail)
		if got := hits(t, r, c.yes); !slices.Equal(got, []string{"x"}) {
			t.Errorf("%s: %s is not found", name, c.yes)
		}
		if got := hits(t, r, c.no); len(got) > 0 {
			t.Errorf("%s: %s is found", name, c.no)
		}
	}
}

// Those that are about other programs' logs, or ask for what the gateway does not see, are left out, which is no mistake.
func TestShapesLeftOut(t *testing.T) {
	for _, c := range []struct{ source, detection string }{
		{"product: bitbucket\n    service: audit", "    selection:\n        auditType.action: 'x'\n    condition: selection"},
		{"service: apache", "    keywords:\n        - 'x'\n    condition: keywords"},
		{"product: modsecurity", "    selection:\n        - 'denied'\n    timeframe: 120m\n    condition: selection | count() > 6"},
		{"product: safeline\n    category: webserver", "    selection:\n        action: 'deny'\n    timeframe: 10m\n    condition: selection | count() by src_ip > 10"},
		{"category: webserver", "    selection:\n        response|contains: 'x'\n    condition: selection"},
		{"category: application\n    product: kubernetes\n    service: audit", "    selection:\n        verb: 'create'\n        objectRef.resource: 'pods'\n    filter:\n        user.username: x\n    condition: selection and not filter"},
	} {
		r, problems := Load(folder("title: T\nid: x\nlogsource:\n    " + c.source + "\ndetection:\n" + c.detection + "\n"))
		if len(r.All()) != 0 || len(problems) != 1 || !problems[0].Warning {
			t.Errorf("%s: %d rules, %v", c.source, len(r.All()), problems)
		}
	}
}
