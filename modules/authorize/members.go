package authorize

import "github.com/convosphere/gateway/modules/internal/strictjson"

// members are the variables that a JSON object gives.
func members(v *strictjson.Value) values {
	return func(name string) (string, error) {
		m, err := v.Get(name)
		if err != nil {
			return "", err
		}
		if m == nil {
			return "", errAbsent
		}
		s, ok := m.Scalar()
		if !ok {
			return "", errValue
		}
		return s, nil
	}
}
