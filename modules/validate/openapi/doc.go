// Package openapi reads an OpenAPI 3.0 or 3.1 document into what requests, answers and socket messages are held to: operations by method and path,
// their parameters, media types and schemas.
//
// Messages of sockets are described by an extension of the operation that opens one:
//
//	/api/ws:
//	  get:
//	    x-websocket:
//	      type: type                        # the member that names the type; default: type
//	      in:                               # from the client, by type
//	        join: {$ref: '#/components/schemas/Join'}
//	      out:                              # from the back end
//	        joined: {$ref: '#/components/schemas/Joined'}
//
// A document is one file: references to others fail. What would silently not be held fails as well: styles of parameters that this package can't read, servers
// of single paths, segments that are partly variables.
package openapi
