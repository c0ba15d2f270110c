package decisionlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// plainResult is the result of a decision as masks see it.
func plainResult(d engine.Decision) (result any, err error) {
	raw, err := json.Marshal(ResultOf(d))
	if err == nil {
		err = json.Unmarshal(raw, &result)
	}
	if err != nil {
		return nil, fmt.Errorf("writing a result: %w", err)
	}
	return result, nil
}

// readResult reads the reason and the obligations of a result that was masked. What a mask put there must have the form of what it stands for.
func readResult(result any) (d engine.Decision, err error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return d, fmt.Errorf("writing a masked result: %w", err)
	}
	var r struct {
		Allow       bool   `json:"allow"`
		Reason      string `json:"reason"`
		Obligations struct {
			StepUp   bool     `json:"step_up"`
			MaxAge   int64    `json:"max_age"`
			Mask     []string `json:"mask"`
			Encrypt  []string `json:"encrypt"`
			Tier     string   `json:"tier"`
			Log      string   `json:"log"`
			Expires  int64    `json:"expires"`
			Incident string   `json:"incident"`
		} `json:"obligations"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return d, fmt.Errorf("a mask puts into a result what is none: %w", err)
	}
	o := &r.Obligations
	d.Reason = r.Reason
	d.Obligations = engine.Obligations{
		StepUp: o.StepUp, MaxAge: time.Duration(o.MaxAge) * time.Second, Mask: o.Mask, Encrypt: o.Encrypt, Tier: o.Tier, Log: o.Log,
		Expires: time.Duration(o.Expires) * time.Second, Incident: o.Incident,
	}
	return d, nil
}
