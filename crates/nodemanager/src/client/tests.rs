//! Tests of the client against our server, over real sockets.
