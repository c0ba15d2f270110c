package portal

func (p *people) RemembersSessions() bool { return true }

func (p *people) TrustsDevices() bool { return true }

func (p *people) HasTokens() bool { return true }

func (p *people) ShortestPassword() int { return 10 }
