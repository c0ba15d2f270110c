package ship

import "strings"

// httpActivities are the activities of 4002 by method.
var httpActivities = map[string]int{"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9}

// apiActivities are the activities of 6003 by how an action's name ends.
var apiActivities = []struct {
	end      string
	activity int
}{{"-added", 1}, {"-created", 1}, {"-imported", 1}, {"-read", 2}, {"-changed", 3}, {"-activated", 3}, {"-removed", 4}, {"-deleted", 4}, {"-destroyed", 4}}

// accountActivities are the activities of 3001 by action.
var accountActivities = map[string]int{
	"account-created": 1, "account-enabled": 2, "password-changed": 3, "password-reset": 4, "account-disabled": 5, "account-deleted": 6, "account-erased": 6,
	"account-locked": 9, "factor-added": 10, "factor-removed": 11,
}

// incidentStates are status_id and activity_id of 2005 by action.
var incidentStates = map[string][2]int{
	"incident-opened": {1, 1}, "incident-changed": {1, 2}, "incident-acknowledged": {2, 2}, "incident-closed": {5, 3},
}

// classify chooses the class and its activity.
func (r *ocsfRecord) classify() (class, activity int) {
	action, category := r.e.text("event.action"), r.text("event.category")
	switch {
	case action == "finding":
		return ocsfDetectionFinding, 1 // created
	case strings.HasPrefix(action, "incident-"):
		state, ok := incidentStates[action]
		if !ok {
			state = [2]int{2, 2}
		}
		r.out["status_id"] = state[0]
		return ocsfIncidentFinding, state[1]
	case category == "authentication" && !strings.HasPrefix(action, "session-"):
		return ocsfAuthentication, 1 // logon
	case category == "session" || category == "authentication":
		if action == "session-ended" || action == "logout" {
			return ocsfAuthentication, 2
		}
		return ocsfAuthentication, ocsfOther
	case r.e.text("http.request.method") != "" && r.e.text("url.path") != "" && category == "web":
		if a, ok := httpActivities[strings.ToUpper(r.e.text("http.request.method"))]; ok {
			return ocsfHTTPActivity, a
		}
		return ocsfHTTPActivity, ocsfOther
	case category == "iam":
		if a, ok := accountActivities[action]; ok {
			return ocsfAccountChange, a
		}
		return ocsfAccountChange, ocsfOther
	}
	for _, a := range apiActivities {
		if strings.HasSuffix(action, a.end) {
			return ocsfAPIActivity, a.activity
		}
	}
	return ocsfAPIActivity, ocsfOther
}
