// Package wsframe is the one tap on WebSockets: handlers on the request path see, refuse, change or drop
// every message of a socket that a reverse proxy further in has opened.
//
// # How it gets between
//
// Attach wraps the response writer. A reverse proxy that got a 101 from the back end takes the client's
// connection by http.ResponseController.Hijack, and so calls the wrapper's Hijack, which hands out a net.Conn
// of ours and a bufio.ReadWriter over it. Bytes that net/http had already buffered pass the tap too. What the proxy
// reads from that connection are frames that the tap has parsed, reassembled, shown to the hooks and written anew; what
// it writes into it is parsed, shown and written anew likewise. The proxy's own copy loops
// move the bytes (io.Copy finds WriteTo and ReadFrom), so a socket costs no goroutine more, and no buffer: the
// two that net/http keeps for a hijacked connection anyway are read into.
//
// # HTTP/2 and HTTP/3
//
// There a socket is a stream that an extended CONNECT opens (RFC 8441, RFC 9220), and nothing is hijacked. FromConnect serves such a request
// as the handshake over HTTP/1.1 that it stands for: a GET with Upgrade and a key, whose writer answers 200 to a 101 and gives out the
// stream by Hijack, as a connection that reads the request's body and writes and flushes the response. So all of the above
// holds, the proxy needs no other way, and handlers see one kind of socket: methods, routes and rules are those of the GET. The outermost
// handler of the path does it; Extended tells when. What is different:
//
//   - A 2xx would mean an open socket to the client. Unless one opened, it becomes a 502; so does a 101 whose Sec-WebSocket-Accept is
//     wrong, which no client sees any more.
//   - The server's writer and body are not used after the handler has returned: FromConnect waits for whoever is in them.
//   - A stream can't be half closed by the back end: its end is the socket's.
//   - The servers' timeouts for bodies are passed by (Caddy's ends a body that is silent for a minute).
//   - Cutting a client that takes nothing resets its stream, and, where it does not even read its connection, closes that
//     a second later, with all its other streams.
//
// # What passes
//
// Whole messages only, as one frame each, in order, after every hook let them pass. Control frames pass in order, also
// between the fragments of a message. What RFC 6455 forbids closes the socket: reserved bits and opcodes, a length not
// written the shortest way, unmasked frames of a client and masked ones of a back end, control frames that are
// fragmented or over 125 bytes, continuations of nothing, close codes that may not appear on the wire (1002);
// text and close reasons that are not UTF-8 (1007); a message over its limit, before it is buffered (1009); too many
// fragments or control frames, or a message that does not end in time (1008). A back end that breaks the rules closes the
// client with 1011 and gets the real code itself. After a side's close frame nothing more of it passes.
//
// Conn.Send puts a message of the gateway's own between those of the back end.
//
// Extensions would make payloads unreadable. Attach takes the whole offer (Sec-WebSocket-Extensions) out of the
// request, and a 101 that accepts one nevertheless is answered to the client as 502.
//
// # When it closes
//
// The client gets a close frame with code and reason, the back end one with 1001; from then on no data passes either
// way. The connections are cut when the client has answered, at the latest 2 seconds later. A hook's error or panic, a limit
// and Conn.Close all go this way: failures close. A client that does not take a frame within Limits.Write is cut.
//
// Conn.Drain is the gentle way, for a gateway that ends: what was passed on gets its answer, the back end is the first to be told and says the rest, and
// then the client is. Nothing that a client sends meanwhile is passed on, so what had no answer can be sent again elsewhere and is not there twice.
package wsframe
