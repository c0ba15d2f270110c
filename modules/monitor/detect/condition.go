package detect

import (
	"errors"
	"fmt"
	"strings"
)

// mostDeep bounds parentheses and nots of a condition.
const mostDeep = 64

var errAggregation = errors.New("aggregations in a condition (| count() …) were taken out of Sigma: write a correlation")

// parseCondition reads a condition: names of searches, joined. one gives a name's meaning; of those that a pattern (or them) names.
func parseCondition(text string, one func(name string) (*expr, error), of func(pattern string) ([]*expr, error)) (*expr, error) {
	if len(text) > 16<<10 {
		return nil, errors.New("the condition is too long")
	}
	c := &conditions{words: conditionWords(text), one: one, of: of}
	e, err := c.or(0)
	if err != nil {
		return nil, err
	}
	if w := c.peek(); w != "" {
		if w == "|" {
			return nil, errAggregation
		}
		return nil, fmt.Errorf("condition: %q is not expected", w)
	}
	return e, nil
}

type conditions struct {
	words []string
	one   func(string) (*expr, error)
	of    func(string) ([]*expr, error)
}

// conditionWords splits at space, parentheses and pipes.
func conditionWords(text string) []string {
	for _, c := range []string{"(", ")", "|"} {
		text = strings.ReplaceAll(text, c, " "+c+" ")
	}
	return strings.Fields(text)
}

func (c *conditions) peek() string {
	if len(c.words) == 0 {
		return ""
	}
	return c.words[0]
}

func (c *conditions) next() string {
	w := c.peek()
	if w != "" {
		c.words = c.words[1:]
	}
	return w
}

// take takes the next word if it is w, in whatever case.
func (c *conditions) take(w string) bool {
	if !strings.EqualFold(c.peek(), w) {
		return false
	}
	c.words = c.words[1:]
	return true
}

func (c *conditions) or(depth int) (*expr, error) {
	return c.joined(depth, "or", someOf, func(d int) (*expr, error) { return c.joined(d, "and", allOf, c.unary) })
}

func (c *conditions) joined(depth int, word string, join func(...*expr) *expr, part func(int) (*expr, error)) (*expr, error) {
	var parts []*expr
	for {
		e, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
		if !c.take(word) {
			return join(parts...), nil
		}
	}
}

func (c *conditions) unary(depth int) (*expr, error) {
	if depth > mostDeep {
		return nil, errors.New("the condition is nested too deep")
	}
	if c.take("not") {
		e, err := c.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return noneOf(e), nil
	}
	if c.take("(") {
		e, err := c.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !c.take(")") {
			return nil, errors.New("condition: a parenthesis is not closed")
		}
		return e, nil
	}
	return c.name()
}

// name reads a search's name, or "1 of", "any of", "all of" and a pattern.
func (c *conditions) name() (*expr, error) {
	w := c.next()
	if w == "" || w == ")" || w == "|" || strings.EqualFold(w, "and") || strings.EqualFold(w, "or") {
		return nil, errors.New("condition: a name is missing")
	}
	lower := strings.ToLower(w)
	if (lower == "1" || lower == "any" || lower == "all") && c.take("of") {
		of := c.next()
		if of == "" {
			return nil, errors.New("condition: of what?")
		}
		if strings.EqualFold(of, "them") {
			of = "them"
		}
		parts, err := c.of(of)
		if err != nil {
			return nil, err
		}
		if lower == "all" {
			return allOf(parts...), nil
		}
		return someOf(parts...), nil
	}
	return c.one(w)
}
