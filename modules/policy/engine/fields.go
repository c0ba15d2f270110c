package engine

import "github.com/convosphere/gateway/modules/policy/classify"

// classify fills in what the data say of the fields of the request or message: the table is that of the policy that decides, so that no decision is made by
// one and masked by another. It may be done again, by another policy.
func (in *Input) classify(t *classify.Table) *classify.Route {
	if in.Segments == nil {
		return nil
	}
	if !in.classified {
		in.own, in.classified = in.Classification, true
	}
	in.Fields, in.Classification = "", in.own
	r := t.Find(in.Method, in.Segments)
	if r == nil {
		return nil
	}
	if r.Particular() {
		in.Fields = r.Name
	}
	if m := in.Message; m != nil {
		in.Classification = classify.Stricter(in.own, r.AskedOf(m.Direction == "out", m.Type))
	} else {
		in.Classification = classify.Stricter(in.own, r.Asked())
	}
	return r
}

// Classify fills in Fields and Classification as Engine.Decide does: for who makes a document of the input.
func (s *Snapshot) Classify(in *Input) *classify.Route { return in.classify(s.fields) }
