package wsframe

// Send sends the client a text message of the gateway's own, between two of the back end's; no hook sees it. It may be called from any goroutine
// and waits for a frame that is being written, at most until the socket is cut. It fails where the socket is closing or has ended.
func (c *Conn) Send(text string) error {
	b := make([]byte, headroom, headroom+len(text))
	return c.out.write(seal(append(b, text...), opText, nil), false)
}
