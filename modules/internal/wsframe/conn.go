package wsframe

// Conn is an open socket.
type Conn struct{}

// Close closes the socket from any goroutine, at any time, and returns at once: the client gets a close frame with code and reason
// (cut to 123 bytes), no more data passes either way, and the connections are cut when the client has answered, at the latest 2 seconds
// later. Only the first call counts.
func (c *Conn) Close(code int, reason string) {}
