package audit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestEventTellsTheVerdict(t *testing.T) {
	_, e, _ := serve(t, httptest.NewRequest("POST", "/x", nil), func(w http.ResponseWriter, r *http.Request) error {
		reqctx.From(r.Context()).Verdict = &reqctx.Verdict{
			Blocked: true, Rules: []int{942100, 949110}, Score: 5, Detection: 8, Outbound: 4, Paranoia: 1, DetectionParanoia: 2, Uninspected: "body-rest",
			Matches: []reqctx.Match{
				{Rule: 942100, Message: "SQL", Severity: "critical", Score: 5, Variables: []string{"ARGS:json.text", "ARGS:q"}, Excerpt: "9' aa"},
				{Rule: 949110},
			},
		}
		w.WriteHeader(403)
		return nil
	})
	want := map[string]string{
		"rule.id": `[942100,949110]`, "gateway.waf.blocked": `true`, "gateway.waf.score.inbound": `5`, "gateway.waf.score.detection": `8`,
		"gateway.waf.score.outbound": `4`, "gateway.waf.paranoia.blocking": `1`, "gateway.waf.paranoia.detection": `2`, "gateway.waf.uninspected": `"body-rest"`,
		"gateway.waf.matches": `[{"excerpt":"9' aa","message":"SQL","rule":942100,"score":5,"severity":"critical","variable":["ARGS:json.text","ARGS:q"]},{"rule":949110}]`,
	}
	for k, v := range want {
		if got, err := json.Marshal(e[k]); err != nil || string(got) != v {
			t.Errorf("%s: %s, want %s (%v)", k, got, v, err)
		}
	}
}

func TestEventIsSilentOfCleanRequests(t *testing.T) {
	for verdict, want := range map[*reqctx.Verdict]int{{Paranoia: 1}: 0, {Uninspected: "body"}: 1} {
		if got := len(verdictFields(verdict)); got != want {
			t.Errorf("%+v: %d fields, want %d", verdict, got, want)
		}
	}
}

func TestEventTellsWhatIsNotAsItMustBe(t *testing.T) {
	_, e, _ := serve(t, httptest.NewRequest("POST", "/x", nil), func(w http.ResponseWriter, r *http.Request) error {
		reqctx.From(r.Context()).Invalid = []reqctx.Invalid{{In: "body", Place: "/text", Reason: "is missing"}, {In: "path", Reason: "is not described"}}
		w.WriteHeader(422)
		return nil
	})
	if got, err := json.Marshal(e["gateway.invalid"]); err != nil || string(got) != `["body /text is missing","path is not described"]` {
		t.Errorf("%s (%v)", got, err)
	}
}
