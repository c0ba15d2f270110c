package jsonstream

// names are those of all objects that are open, one behind the other.
type names struct {
	text []byte
	ends []int
}

// few names are compared one by one: that is faster than a map.
const few = 16

// add takes a name of the innermost object, and fails where it has it already.
func (n *names) add(f *frame, name []byte) error {
	if len(n.ends) >= maxNames || len(n.text)+len(name) > maxBytes {
		return errMany
	}
	count := len(n.ends) - f.names
	switch {
	case f.large != nil:
		if _, twice := f.large[string(name)]; twice {
			return errTwice
		}
		f.large[string(name)] = struct{}{}
	case n.has(f, name):
		return errTwice
	case count == few:
		f.large = make(map[string]struct{}, 4*few)
		start := f.bytes
		for _, end := range n.ends[f.names:] {
			f.large[string(n.text[start:end])] = struct{}{}
			start = end
		}
		f.large[string(name)] = struct{}{}
	}
	n.text = append(n.text, name...)
	n.ends = append(n.ends, len(n.text))
	return nil
}

func (n *names) has(f *frame, name []byte) bool {
	start := f.bytes
	for _, end := range n.ends[f.names:] {
		if string(n.text[start:end]) == string(name) {
			return true
		}
		start = end
	}
	return false
}

// cut forgets what came behind.
func (n *names) cut(count, bytes int) { n.ends, n.text = n.ends[:count], n.text[:bytes] }
