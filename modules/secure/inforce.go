package secure

// InForce is every header that answers get, for whoever looks at the settings.
func (h *Headers) InForce() map[string]any {
	set := map[string]string{}
	for _, one := range h.fixed {
		set[one.name] = one.value
	}
	for _, one := range h.missing {
		set[one.name] = one.value
	}
	if h.hsts != "" {
		set[hstsName] = h.hsts
	}
	return map[string]any{"set": set}
}
