//! The Seattle clearinghouse's XML-RPC API: types, faults, verified client, server-side messages.
